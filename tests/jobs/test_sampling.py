"""Models are asked the same prompts: each fails alone, and no request is sent twice."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.jobs.talker import Talker
from tui.jobs import (
    AnswerState,
    CallError,
    SamplePrompt,
    SampleSettings,
    Sampling,
    is_exact,
    request_key,
    score,
    similarity,
)
from tui.kinds import Can

SETTINGS = SampleSettings(temperature=0.0, max_tokens=32, seed=7)
TOO_MANY = CallError("too many", status=429, transient=True, retry_after=0.0)


def prompt(text: str, reference: str | None = None) -> SamplePrompt:
    return SamplePrompt(({"role": "user", "content": text},), reference)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.jobs.sampling._BACKOFF", 0.001)


async def ran(sampling: Sampling) -> list[tuple[int, int]]:
    changes: list[tuple[int, int]] = []
    await sampling.run(lambda at, number: changes.append((at, number)))
    return changes


async def test_every_model_answers_every_prompt() -> None:
    lab = Talker({"a": lambda text: f"{text} yes", "b": "no idea"})
    prompts = [prompt("one", "one yes"), prompt("two", "two no"), prompt("three")]
    sampling = Sampling([lab.model("a"), lab.model("b")], prompts, SETTINGS)
    changes = await ran(sampling)
    assert [answer.text for _, answer in sampling.of_model(0)] == [
        "one yes",
        "two yes",
        "three yes",
    ]
    assert {answer.text for _, answer in sampling.of_model(1)} == {"no idea"}
    assert set(changes) == set(sampling.answers)
    assert set(lab.sent.values()) == {1}
    one = sampling.answers[0, 0]
    assert (one.state, one.finish, one.tokens) == (AnswerState.DONE, "stop", 2)
    found = score(sampling.of_model(0))
    assert (found.answered, found.failed, found.compared, found.exact) == (3, 0, 2, 1)
    assert found.similarity == pytest.approx(0.75)


async def test_settings_are_sent_under_the_names_the_provider_knows() -> None:
    for kind, names in (
        ("compatible", {"temperature", "max_tokens", "seed"}),
        ("openai", {"temperature", "max_completion_tokens", "seed"}),
        ("mistral", {"temperature", "max_tokens", "random_seed"}),
    ):
        lab = Talker({"a": "x"}, kind=kind)
        await ran(Sampling([lab.model("a")], [prompt("p")], SETTINGS))
        assert set(lab.options[0]) == names
    tools = ({"type": "function", "function": {"name": "f"}},)
    asked = SamplePrompt(({"role": "user", "content": "p"},), tools=tools)
    lab = Talker({"a": "x"})
    await ran(Sampling([lab.model("a")], [asked], SampleSettings()))
    assert lab.options[0] == {"max_tokens": 256, "tools": list(tools)}


async def test_one_failure_does_not_stop_the_others() -> None:
    lab = Talker({"a": CallError("no such model", "name another", status=404), "b": "fine"})
    prompts = [prompt(str(n)) for n in range(5)]
    sampling = Sampling([lab.model("a"), lab.model("b")], prompts, SETTINGS)
    await ran(sampling)
    failed = score(sampling.of_model(0))
    assert (failed.failed, failed.trouble, failed.hint) == (5, "no such model", "name another")
    assert score(sampling.of_model(1)).answered == 5
    # The name is wrong for all prompts: one refusal is enough.
    assert sum(n for (model, _), n in lab.sent.items() if model == "a") == 1


async def test_an_unknown_model_is_told_where_to_look() -> None:
    error = CallError("no such model", "check the id", code="model_not_found", status=400)
    lab = Talker({"a": error})
    sampling = Sampling([lab.model("a")], [prompt("p"), prompt("q")], SETTINGS)
    await ran(sampling)
    assert "tunedeck models" in sampling.answers[0, 1].hint
    assert sum(lab.sent.values()) == 1


async def test_a_prompt_that_is_refused_is_passed_over() -> None:
    def says(text: str) -> str | Exception:
        return CallError("too long", status=400) if text == "1" else "fine"

    lab = Talker({"a": says})
    sampling = Sampling([lab.model("a")], [prompt(str(n)) for n in range(4)], SETTINGS)
    await ran(sampling)
    states = [answer.state for _, answer in sampling.of_model(0)]
    assert states == [AnswerState.DONE, AnswerState.FAILED, AnswerState.DONE, AnswerState.DONE]


async def test_a_model_that_fails_again_and_again_is_given_up() -> None:
    lab = Talker({"a": CallError("broken", status=400)})
    sampling = Sampling([lab.model("a")], [prompt(str(n)) for n in range(20)], SETTINGS)
    await ran(sampling)
    assert score(sampling.of_model(0)).failed == 20
    assert sum(lab.sent.values()) <= 4


async def test_too_many_requests_are_waited_for() -> None:
    left = [TOO_MANY, TOO_MANY]

    def says(_text: str) -> str | Exception:
        return left.pop() if left else "at last"

    lab = Talker({"a": says})
    sampling = Sampling([lab.model("a")], [prompt("p")], SETTINGS)
    seen: set[str] = set()
    await sampling.run(lambda _a, _n: seen.add(sampling.answers[0, 0].trouble))
    assert sampling.answers[0, 0].text == "at last"
    assert any("waiting" in trouble for trouble in seen)
    assert sampling.answers[0, 0].trouble == ""


async def test_what_may_be_on_the_bill_is_not_sent_again() -> None:
    error = CallError("trouble", status=500, transient=True, unclear=True)
    lab = Talker({"a": error})
    sampling = Sampling([lab.model("a")], [prompt("p")], SETTINGS)
    await ran(sampling)
    assert sampling.answers[0, 0].state is AnswerState.FAILED
    assert sum(lab.sent.values()) == 1


async def test_a_long_wait_is_a_failure() -> None:
    error = CallError("tomorrow", status=429, transient=True, retry_after=86_400.0)
    lab = Talker({"a": error})
    sampling = Sampling([lab.model("a")], [prompt("p")], SETTINGS)
    await ran(sampling)
    assert sum(lab.sent.values()) == 1


async def test_the_same_request_is_sent_once() -> None:
    lab = Talker({"a": "x"})
    prompts = [prompt("same", "x"), prompt("other"), prompt("same", "y")]
    sampling = Sampling([lab.model("a")], prompts, SETTINGS)
    await ran(sampling)
    assert lab.sent["a", "same"] == 1
    assert [answer.text for _, answer in sampling.of_model(0)] == ["x", "x", "x"]
    assert sampling.answers[0, 2].reused


async def test_known_answers_are_not_asked_for() -> None:
    lab = Talker({"a": "new"})
    prompts = [prompt("one"), prompt("two")]
    known = {request_key(lab.model("a"), prompts[0], SETTINGS): "old"}
    sampling = Sampling([lab.model("a")], prompts, SETTINGS, known)
    assert sampling.to_send == {0: [1]}
    await ran(sampling)
    assert [answer.text for _, answer in sampling.of_model(0)] == ["old", "new"]
    other = SampleSettings(temperature=1.0)
    assert Sampling([lab.model("a")], prompts, other, known).to_send == {0: [0, 1]}


async def test_what_is_stopped_keeps_what_has_come() -> None:
    lab = Talker({"a": "one two three", "b": "x"})
    sampling = Sampling([lab.model("a")], [prompt("p"), prompt("q")], SETTINGS)
    started = asyncio.Event()

    def changed(_at: int, _number: int) -> None:
        if sampling.answers[0, 0].text:
            lab.gate.clear()
            started.set()

    task = asyncio.create_task(sampling.run(changed))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sampling.answers[0, 0].text.startswith("one")
    assert {answer.state for answer in sampling.answers.values()} == {AnswerState.STOPPED}


async def test_a_provider_that_cannot_is_not_asked() -> None:
    lab = Talker({"a": "x"})
    lab.can_chat = Can(False, "it only trains")
    sampling = Sampling([lab.model("a")], [prompt("p"), prompt("q")], SETTINGS)
    await ran(sampling)
    assert not lab.sent
    assert "it only trains" in score(sampling.of_model(0)).trouble


async def test_a_provider_is_not_flooded() -> None:
    lab = Talker({f"m{n}": "a b c d" for n in range(6)})
    models = [lab.model(f"m{n}") for n in range(6)]
    sampling = Sampling(models, [prompt(str(n)) for n in range(8)], SETTINGS)
    most = 0

    def changed(_at: int, _number: int) -> None:
        nonlocal most
        running = [a for a in sampling.answers.values() if a.state is AnswerState.RUNNING]
        most = max(most, len(running))

    await sampling.run(changed)
    assert most == 4
    assert all(answer.state is AnswerState.DONE for answer in sampling.answers.values())


async def test_nothing_to_ask_is_no_failure() -> None:
    lab = Talker({})
    for models, prompts in (([], [prompt("p")]), ([lab.model("a")], [])):
        sampling = Sampling(models, prompts, SETTINGS)
        await ran(sampling)
        assert not sampling.answers


def test_another_system_message_takes_the_place_of_the_first() -> None:
    messages = ({"role": "system", "content": "old"}, {"role": "user", "content": "p"})
    found = SamplePrompt(messages, "r", 3).with_system("new")
    assert [message["content"] for message in found.messages] == ["new", "p"]
    assert (found.reference, found.line) == ("r", 3)
    assert prompt("p").with_system("new").messages[0]["role"] == "system"


def test_words_are_told_apart_in_every_script() -> None:
    assert similarity("Yes, it is.", "yes it is") == pytest.approx(6 / 8)
    assert similarity("\u4eca\u65e5\u306f", "\u4eca\u65e5\u3082") == pytest.approx(4 / 6)
    assert similarity("", "") == 1
    assert similarity("", "word") == 0


@given(st.text(max_size=60), st.text(max_size=60))
def test_similarity_is_a_share(one: str, other: str) -> None:
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, one) == 1
    if is_exact(one, other):
        assert similarity(one, other) == 1
