from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.service.errors import ApiError
from tui.service.graders import check_grader, grade
from tui.service.graders.formula import FormulaError, value_of
from tui.service.graders.similarity import METRICS, fuzzy_match

CHECK = {"type": "string_check", "name": "c", "operation": "eq",
         "input": "{{sample.output_text}}", "reference": "{{item.answer}}"}  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "text", "reward"),
    [("eq", "Oslo", 1), ("eq", "oslo", 0), ("ne", "oslo", 1), ("like", "in Oslo!", 1),
     ("like", "in oslo!", 0), ("ilike", "in oslo!", 1), ("ilike", "Bergen", 0)],
)  # fmt: skip
def test_texts_are_checked(operation: str, text: str, reward: float) -> None:
    grader = check_grader({**CHECK, "operation": operation})
    assert grade(grader, {"answer": "Oslo"}, text).reward == reward


@pytest.mark.parametrize(
    ("reference", "item", "text", "error"),
    [
        ("{{item.a.b[1]}}", {"a": {"b": ["x", "y"]}}, "y", None),
        ("{{ item['odd key'] }}", {"odd key": 3}, "3", None),
        ("{{item.list}}", {"list": [1, "é"]}, '[1, "é"]', None),
        ("{{item.nothing}}", {}, "", "invalid_variable_error"),
        ("{{item.a[7]}}", {"a": []}, "", "invalid_variable_error"),
        ("{{sample.output_json.n}}", {}, '{"n": 2}', None),
        ("{{sample.output_json.n}}", {}, "no json", "sample_parse_error"),
    ],
)
def test_templates(reference: str, item: Any, text: str, error: str | None) -> None:
    given_ = "{{sample.output_json.n}}" if "json" in reference else "{{sample.output_text}}"
    grader = check_grader({**CHECK, "input": given_, "reference": reference})
    result = grade(grader, item, text)
    assert (result.reward, result.errors) == (float(error is None), {error} - {None})


@given(st.text(max_size=60), st.text(max_size=60))
def test_similarities_lie_within_their_bounds(a: str, b: str) -> None:
    for measure in METRICS.values():
        assert 0 <= measure(a, b) <= 1
    assert fuzzy_match(a, b) == pytest.approx(fuzzy_match(b, a))
    assert fuzzy_match(a, a) == 1


def test_similarities_of_a_known_pair() -> None:
    found = {name: measure("the cat sat on a mat", "the cat sat on the mat")
             for name, measure in METRICS.items()}  # fmt: skip
    # By hand: 5 of 6 words, 3 of 5 pairs, 2 of 4 triples, 1 of 3 fours; 38 of 42 characters.
    assert found["rouge_1"] == found["rouge_l"] == pytest.approx(5 / 6)
    assert found["rouge_2"] == pytest.approx(3 / 5)
    assert found["rouge_3"] == pytest.approx(1 / 2)
    assert found["bleu"] == pytest.approx((5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25)
    assert found["gleu"] == pytest.approx(11 / 18)
    assert found["fuzzy_match"] == pytest.approx(38 / 42)


def test_formulas() -> None:
    assert value_of("0.5 * a + min(b, 1) ^ 2 - -1", {"a": 1.0, "b": 3.0}) == 2.5
    for wrong in ("a.b", "__import__('os')", "a if a else b", "[1]", "a +", "1 / 0", "c", "9^9^9^9",
                  "(" * 300 + "1" + ")" * 300, "'x'"):  # fmt: skip
        with pytest.raises(FormulaError):
            value_of(wrong, {"a": 1.0, "b": 0.0})


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"type": "python"}, "grader.type"),
        ({"type": "score_model"}, "grader.type"),
        ({"type": {}}, "grader.type"),
        ({"name": None}, "grader.name"),
        ({"operation": "near"}, "grader.operation"),
        ({"input": "{{other.x}}"}, "grader.input"),
        ({"reference": "{{sample.score}}"}, "grader.reference"),
        ({"type": "text_similarity", "evaluation_metric": "cosine"}, "grader.evaluation_metric"),
        ({"type": "multi", "graders": {}, "calculate_output": "1"}, "grader.graders"),
        (
            {"type": "multi", "graders": {"a": CHECK}, "calculate_output": "b"},
            "grader.calculate_output",
        ),
    ],
)
def test_a_grader_that_cannot_run_is_refused(change: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_grader({**CHECK, **change})
    assert (caught.value.status, caught.value.param) == (400, param)
