"""What is asked for: kept and made again, read from words, and checked against the limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.jobs import (
    METHODS,
    LaunchRequest,
    integration_of,
    integration_text,
    method_of,
    setting_of,
)
from tui.jobs.graders import grader_problems
from tui.jobs.launcher import request_body
from tui.jobs.limits import settings_problems

WORDS = st.text("abcxyz-_.", min_size=1, max_size=12)
EXACT = {
    "type": "string_check",
    "name": "exact",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
    "operation": "eq",
}


@given(
    st.builds(
        LaunchRequest,
        file=st.just(Path("/data/train.jsonl")),
        model=WORDS,
        validation=st.sampled_from([None, Path("/data/valid.jsonl")]),
        method=st.sampled_from(METHODS),
        hyperparameters=st.dictionaries(WORDS, st.integers(1, 50) | st.floats(0.1, 9) | WORDS),
        suffix=st.none() | WORDS,
        seed=st.none() | st.integers(0, 2**31 - 1),
        metadata=st.dictionaries(WORDS, WORDS),
        max_cost=st.none() | st.floats(0, 1e6),
        force=st.booleans(),
        grader=st.sampled_from([None, EXACT]),
        integrations=st.lists(st.just(integration_of("wandb:p:tag=a")), max_size=2).map(tuple),
        file_id=st.none() | WORDS,
        validation_id=st.none() | WORDS,
    )
)
def test_a_request_is_kept_whole(request_: LaunchRequest) -> None:
    kept = json.loads(json.dumps(request_.recipe()))
    assert LaunchRequest.from_recipe(kept) == request_


def test_nothing_kept_is_no_request() -> None:
    assert LaunchRequest.from_recipe({}) is None
    assert LaunchRequest.from_recipe({"file": "a.jsonl"}) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("reasoning_effort=low", ("reasoning_effort", "low")),
        ("eval_interval = 5", ("eval_interval", 5)),
        ("compute_multiplier=0.5", ("compute_multiplier", 0.5)),
        ("lora=true", ("lora", True)),
        ("n_epochs=auto", ("n_epochs", None)),
    ],
)
def test_settings_are_read(text: str, found: tuple[str, Any]) -> None:
    assert setting_of(text) == found


@pytest.mark.parametrize("text", ["", "a", "=1", "a="])
def test_what_is_no_setting(text: str) -> None:
    with pytest.raises(ValueError, match="NAME=VALUE"):
        setting_of(text)


def test_integrations_are_read_and_written() -> None:
    text = "wandb:support:entity=team:name=run 7:tag=a:tag=b"
    found = integration_of(text)
    assert found == {
        "type": "wandb",
        "wandb": {"project": "support", "entity": "team", "name": "run 7", "tags": ["a", "b"]},
    }
    assert integration_text(found) == text
    for wrong in ("wandb", "wandb:", "mlflow:x", "wandb:p:colour=red", "wandb:entity=x"):
        with pytest.raises(ValueError, match=r"write|none of"):
            integration_of(wrong)


def test_methods_have_other_names() -> None:
    assert method_of("preference") == "dpo"
    with pytest.raises(ValueError, match="supervised"):
        method_of("magic")


def test_the_body_holds_all_of_it() -> None:
    request = LaunchRequest(
        Path("a.jsonl"),
        "o4-mini",
        method="reinforcement",
        hyperparameters={"reasoning_effort": "low"},
        suffix="s",
        seed=7,
        metadata={"team": "a"},
        grader=EXACT,
        response_format={"type": "json_schema"},
        integrations=(integration_of("wandb:p"),),
    )
    body = request_body(request, "mark", "file-1", "file-2")
    assert body["method"]["reinforcement"] == {
        "hyperparameters": {"reasoning_effort": "low"},
        "grader": EXACT,
        "response_format": {"type": "json_schema"},
    }
    assert body["integrations"] == [{"type": "wandb", "wandb": {"project": "p"}}]
    assert body["seed"] == 7
    assert body["validation_file"] == "file-2"
    assert set(body["metadata"]) == {"team", "tunedeck_launch"}


# --- limits -------------------------------------------------------------------------------------


def codes(
    request: LaunchRequest, profile: str = "openai", suffix_max: int | None = None
) -> list[str]:
    return [problem.code for problem in settings_problems(request, profile, suffix_max)]


def asked(**more: Any) -> LaunchRequest:
    return LaunchRequest(Path("a.jsonl"), "gpt-4.1-mini", **more)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"hyperparameters": {"n_epochs": 51}}, "bad_n_epochs"),
        ({"hyperparameters": {"n_epochs": True}}, "bad_n_epochs"),
        ({"hyperparameters": {"reasoning_effort": "low"}}, "bad_reasoning_effort"),
        ({"hyperparameters": {"beta": 0.1}}, "bad_beta"),
        ({"hyperparameters": {"n_epoch": 3}}, "unknown_hyperparameter"),
        ({"suffix": "x" * 65}, "bad_suffix"),
        ({"grader": EXACT}, "bad_grader"),
        ({"integrations": (integration_of("wandb:p"),) * 6}, "too_many_integrations"),
        ({"method": "reinforcement"}, "grader_required"),
    ],
)
def test_limits(more: dict[str, Any], code: str) -> None:
    assert code in codes(asked(**more))


def test_reinforcement_settings() -> None:
    good = {
        "reasoning_effort": "high",
        "compute_multiplier": 10,
        "eval_interval": 1,
        "eval_samples": 1,
    }
    rest = {"method": "reinforcement", "grader": EXACT, "validation": Path("v.jsonl")}
    assert codes(asked(hyperparameters=good, **rest)) == []
    for name, value in (
        ("reasoning_effort", "none"),
        ("compute_multiplier", 0.00001),
        ("compute_multiplier", 11),
        ("eval_interval", 0),
        ("eval_samples", 1.5),
    ):
        assert codes(asked(hyperparameters={name: value}, **rest)) == [f"bad_{name}"]


def test_a_provider_may_take_shorter_suffixes() -> None:
    assert codes(asked(suffix="x" * 19), "azure", 18) == ["bad_suffix"]
    assert codes(asked(suffix="x" * 18), "azure", 18) == []


def test_other_providers_have_settings_of_their_own() -> None:
    assert codes(asked(hyperparameters={"lora_r": 16}), "crusoe") == []
    assert codes(asked(hyperparameters={"lora_r": 16}), "openai") == ["unknown_hyperparameter"]


# --- graders ------------------------------------------------------------------------------------

SIMILAR = {
    "type": "text_similarity",
    "name": "near",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
    "evaluation_metric": "rouge_l",
}
SCORE = {
    "type": "score_model",
    "name": "judge",
    "model": "gpt-4.1-mini",
    "input": [{"role": "user", "content": "How good is {{sample.output_text}}?"}],
    "range": [0, 1],
}
PYTHON = {"type": "python", "name": "code", "source": "def grade(sample, item):\n    return 1.0\n"}
MULTI = {
    "type": "multi",
    "name": "all",
    "graders": {"exact": EXACT, "near": SIMILAR},
    "calculate_output": "0.5 * exact + max(near, 0.1)",
}


@pytest.mark.parametrize("grader", [EXACT, SIMILAR, SCORE, PYTHON, MULTI], ids=lambda g: g["type"])
def test_good_graders(grader: dict[str, Any]) -> None:
    assert grader_problems(grader) == []


@pytest.mark.parametrize(
    ("grader", "words"),
    [
        ({}, "has no type"),
        ({**EXACT, "type": "label_model"}, "'label_model'"),
        ({**EXACT, "name": ""}, "name is missing"),
        ({**EXACT, "operation": "equals"}, "operation"),
        ({**EXACT, "reference": 7}, "reference is not text"),
        ({**EXACT, "input": "{{output}}"}, "neither of the item nor of the sample"),
        ({**SIMILAR, "evaluation_metric": "rouge_9"}, "evaluation_metric"),
        ({**SCORE, "input": []}, "no list of messages"),
        ({**SCORE, "input": [{"role": "judge", "content": "x"}]}, "no known role"),
        ({**SCORE, "range": [1, 0]}, "range"),
        ({**PYTHON, "source": "def grade(sample, item:\n"}, "not Python in line 1"),
        ({**PYTHON, "source": "x = 1"}, "defines no grade()"),
        ({**PYTHON, "source": "def grade(sample): return 1"}, "takes too little"),
        ({**PYTHON, "source": "async def grade(sample, item): return 1"}, "async"),
        ({**MULTI, "graders": {"inner": MULTI}}, "graders.inner.type"),
        ({**MULTI, "calculate_output": "exact + wit"}, "names wit"),
        ({**MULTI, "calculate_output": "exact +"}, "cannot be read"),
    ],
)
def test_bad_graders(grader: dict[str, Any], words: str) -> None:
    assert any(words in problem.message for problem in grader_problems(grader))


def test_a_grader_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    source = f"open({str(mark)!r}, 'w')\ndef grade(sample, item):\n    return 1.0\n"
    assert grader_problems({**PYTHON, "source": source}) == []
    assert not mark.exists()


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "name", "graders", "input", "source", "range", "calculate_output"]
                ),
                x,
            )
        ),
    )
)
def test_any_json_is_a_grader_or_is_not(value: Any) -> None:
    for kind in ("multi", "python", "score_model", "string_check"):
        base = value if isinstance(value, dict) else {"input": value, "graders": value}
        assert all(p.message for p in grader_problems({**base, "type": kind}))
