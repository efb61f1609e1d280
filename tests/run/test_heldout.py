"""Prompts from files of every format, the names of models, and what a provider keeps."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.jobs.talker import Talker
from tui.config import ProviderConfig
from tui.errors import FileError, ProviderError, UsageError
from tui.jobs import (
    Checkpoint,
    FileEntry,
    Job,
    JobRow,
    ModelEntry,
    SamplePrompt,
    SampleSettings,
    Sampling,
)
from tui.run.asked import cost_of, is_paid
from tui.run.heldout import last_words, prompt_of, read_prompts
from tui.run.keepings import (
    all_files,
    file_consequences,
    kept_files,
    kept_models,
    model_consequences,
)
from tui.run.named import ModelName, parse_model, resolve_model, short_name
from tui.run.samples import read_settings


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def says(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


# --- prompts ------------------------------------------------------------------------------------


def test_chat_gives_what_comes_before_the_last_answer() -> None:
    found = prompt_of({"messages": [user("a"), says("b", weight=0), user("c"), says("d")]}, 4)
    assert found is not None
    assert (found.reference, found.line) == ("d", 4)
    # The weight is a word of training, which the chat API refuses.
    assert found.messages == (user("a"), says("b"), user("c"))
    assert last_words(found) == "c"


def test_preference_and_completion_and_reinforcement() -> None:
    pair = {
        "input": {"messages": [user("q")], "tools": [{"type": "function"}]},
        "preferred_output": [says("good")],
        "non_preferred_output": [says("bad")],
    }
    found = prompt_of(pair)
    assert found is not None
    assert (found.reference, found.tools) == ("good", ({"type": "function"},))
    found = prompt_of({"prompt": "p", "completion": " c"})
    assert found is not None
    assert (found.messages, found.reference) == ((user("p"),), " c")
    found = prompt_of({"messages": [user("q")], "answer": 4})
    assert found is not None
    assert found.reference is None


def test_calls_of_tools_are_a_reference_too() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    record = {"messages": [user("q"), {"role": "assistant", "tool_calls": [call]}], "tools": [{}]}
    found = prompt_of(record)
    assert found is not None
    assert found.reference == 'f({"a": 1})'


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        {},
        {"messages": []},
        {"messages": [says("only an answer")]},
        {"messages": [{"role": "system", "content": "x"}, says("y")]},
        {"messages": [{"content": "no role"}, user("x"), says("y")]},
        {"messages": "x"},
        {"input": {"messages": 1}},
        {"prompt": "  "},
    ],
)
def test_records_without_a_prompt(value: object) -> None:
    assert prompt_of(value) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "prompt", "input", "tools", "text"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_record_breaks_the_reader(value: object) -> None:
    found = prompt_of(value)
    if found is not None:
        last_words(found)


def lines(*values: object) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def test_files_of_every_kind(tmp_path: Path) -> None:
    chat = [{"messages": [user(f"q{n}"), says(f"a{n}")]} for n in range(5)]
    for name, data in (
        ("a.jsonl", lines(*chat)),
        ("a.json", json.dumps(chat).encode()),
        ("a.jsonl.gz", gzip.compress(lines(*chat))),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        found = read_prompts(str(path), 3)
        assert [prompt.reference for prompt in found.prompts] == ["a0", "a1", "a2"]
        assert found.more
        assert not read_prompts(str(path), 5).more
        later = read_prompts(str(path), 9, start=4)
        assert [last_words(prompt) for prompt in later.prompts] == ["q4"]


def test_text_is_a_prompt_a_line(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes(b"\xef\xbb\xbfWhat is it?\r\n\n  {not json}\nThird")
    found = read_prompts(str(path), 10)
    assert [last_words(prompt) for prompt in found.prompts] == [
        "What is it?",
        "{not json}",
        "Third",
    ]
    assert [prompt.line for prompt in found.prompts] == [1, 3, 4]
    bare = tmp_path / "prompts"
    bare.write_text("Where?\nWhen?\n")
    assert len(read_prompts(str(bare), 10).prompts) == 2


def test_broken_records_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"messages": [\n' + lines({"messages": [user("q")]}, {"x": 1}))
    found = read_prompts(str(path), 10)
    assert (len(found.prompts), found.skipped) == (1, 2)


@pytest.mark.parametrize("data", [b"", b"\n\n", b'{"x": 1}\n', b"PAR1\x00\x01\x02\x03PAR1"])
def test_files_without_prompts_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(FileError):
        read_prompts(str(path), 10)


# --- names --------------------------------------------------------------------------------------

KNOWN = ("lab", "openai", "local")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gpt-4o", ModelName(None, "gpt-4o")),
        ("ft:gpt-4o:acme:x:abc", ModelName(None, "ft:gpt-4o:acme:x:abc")),
        ("lab/gpt-4o", ModelName("lab", "gpt-4o")),
        ("meta-llama/Llama-3", ModelName(None, "meta-llama/Llama-3")),
        ("lab/meta-llama/Llama-3", ModelName("lab", "meta-llama/Llama-3")),
        ("ftjob-abc123", ModelName(None, "", "ftjob-abc123")),
        ("job:last", ModelName(None, "", "last")),
        ("lab/job:abc@best", ModelName("lab", "", "abc", "best")),
        ("ftjob-abc@90", ModelName(None, "", "ftjob-abc", "90")),
    ],
)
def test_names_of_models(text: str, name: ModelName) -> None:
    assert parse_model(text, KNOWN) == name


@pytest.mark.parametrize("text", ["", " ", "lab/", "job:", "job:a@", "job:a@x", "ftjob-a@-1"])
def test_names_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_model(text, KNOWN)


def test_short_names() -> None:
    assert short_name("ft:gpt-4o:acme:support:abc") == "support:abc"
    assert short_name("ft:gpt-4o:acme::abc") == "gpt-4o:abc"
    assert short_name("ft:m:acme:s:abc:ckpt-step-9") == "s:abc:ckpt-step-9"
    assert short_name("gpt-4o") == "gpt-4o"


class Jobs:
    """One job and its checkpoints."""

    def __init__(self, *kept: Checkpoint, **fields: Any) -> None:
        self.config = ProviderConfig("lab", "compatible", "https://lab.example/v1")
        self.name = self.config.name
        self.raw = {"id": "ftjob-1", "status": "succeeded", "model": "m", **fields}
        self.kept = kept

    async def retrieve(self, job_id: str) -> Job:
        assert job_id == "ftjob-1"
        job = Job.from_wire(self.raw, "lab")
        assert job is not None
        return job

    async def checkpoints(self, _job_id: str) -> tuple[Checkpoint, ...]:
        return self.kept


KEPT = (
    Checkpoint("b", 20, "m:20", 2, {"valid_loss": 0.9}),
    Checkpoint("a", 10, "m:10", 1, {"valid_loss": 0.5}),
)


@pytest.mark.parametrize(
    ("name", "fields", "model"),
    [
        (ModelName(None, "plain"), {}, "plain"),
        (ModelName(None, "", "ftjob-1"), {"fine_tuned_model": "ft:m"}, "ft:m"),
        (ModelName(None, "", "ftjob-1", "10"), {"fine_tuned_model": "ft:m"}, "m:10"),
        (ModelName(None, "", "ftjob-1", "best"), {}, "m:10"),
        # A run that was cancelled left a checkpoint that can be asked.
        (ModelName(None, "", "ftjob-1"), {"status": "cancelled"}, "m:20"),
    ],
)
async def test_a_job_stands_for_its_model(name: ModelName, fields: Any, model: str) -> None:
    found = await resolve_model(name, Jobs(*KEPT, **fields))  # type: ignore[arg-type]
    assert found.model == model


@pytest.mark.parametrize(
    ("name", "fields", "kept"),
    [
        (ModelName(None, "", "ftjob-1"), {"status": "running"}, KEPT),
        (ModelName(None, "", "ftjob-1"), {"status": "failed"}, ()),
        (ModelName(None, "", "ftjob-1", "15"), {}, KEPT),
    ],
)
async def test_a_job_without_a_model_says_so(name: ModelName, fields: Any, kept: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        await resolve_model(name, Jobs(*kept, **fields))  # type: ignore[arg-type]
    assert caught.value.code == "no_model"
    assert caught.value.hint


# --- money --------------------------------------------------------------------------------------


def test_what_asking_costs(home: Path) -> None:
    prompts = [SamplePrompt((user("Hello there"),)), SamplePrompt((user("Hello"),))]
    settings = SampleSettings(max_tokens=100)
    here = Talker({}, "local", "local")
    paid = Talker({}, "openai", "openai", "https://api.openai.com/v1")
    free = cost_of(Sampling([here.model("ft:micro:local:a:b")], prompts, settings))
    assert (free.requests, free.paid, free.usd) == (2, False, 0.0)
    assert "free" in free.words()
    both = [here.model("micro"), paid.model("ft:gpt-4.1-mini-2025-04-14:a:b:c")]
    cost = cost_of(Sampling(both, prompts, settings))
    assert (cost.requests, cost.output_tokens, cost.where) == (4, 400, ("openai",))
    # "Hello there" in a message with its role, and the beginning of an answer.
    assert cost.input_tokens == 2 * ((3 + 1 + 2 + 3) + (3 + 1 + 1 + 3))
    assert cost.usd == pytest.approx((17 * 0.8 + 200 * 3.2) / 1e6)
    unknown = Talker({}, "lab", url="https://lab.example/v1")
    cost = cost_of(Sampling([unknown.model("odd")], prompts, settings))
    assert cost.usd is None
    assert "price not known" in cost.words()


def test_what_may_be_billed() -> None:
    assert not is_paid(ProviderConfig("local", "local", None))
    assert not is_paid(ProviderConfig("lab", "compatible", "http://127.0.0.1:1/v1"))
    assert is_paid(ProviderConfig("lab", "compatible", "http://10.0.0.5/v1"))
    assert is_paid(ProviderConfig("openai", "openai", None))


def test_settings_are_read_and_others_stay() -> None:
    before = SampleSettings(0.0, 100, 7)
    assert read_settings("temperature=0.5 tokens=20", before) == SampleSettings(0.5, 20, 7)
    assert read_settings("seed=- temperature: default", before) == SampleSettings(None, 100, None)
    for text in ("heat=1", "temperature=3", "tokens=0", "seed=x", "temperature=nan"):
        with pytest.raises(UsageError):
            read_settings(text, before)


# --- what is kept -------------------------------------------------------------------------------


def row(**fields: Any) -> JobRow:
    job = Job.from_wire({"id": "ftjob-1", "status": "succeeded", "model": "m", **fields}, "lab")
    assert job is not None
    return JobRow(job, 1.0)


def test_models_know_their_jobs_and_their_end() -> None:
    tuned = "ft:gpt-4o-mini-2024-07-18:acme:s:abc"
    entries = [
        ModelEntry("gpt-4.1-mini-2025-04-14", "system", 1, None),
        ModelEntry(tuned, "acme", 5, "2027-01-14"),
        ModelEntry(f"{tuned}:ckpt-step-9", "acme", 4, None),
    ]
    jobs = [row(fine_tuned_model=tuned, model="gpt-4o-mini-2024-07-18")]
    base, model, part = kept_models(entries, jobs, "openai", "2026-11-22")
    assert (base.trainable, base.tuned, model.trainable) == (True, False, False)
    assert (model.job_id, model.shutdown_date, model.final) == ("ftjob-1", "2027-01-14", True)
    assert (part.job_id, part.base, part.final) == ("ftjob-1", "gpt-4o-mini-2024-07-18", False)
    assert any("ftjob-1" in line for line in model_consequences(model, jobs))
    assert any("refuse" in line for line in model_consequences(base, jobs))
    heir = row(id="ftjob-2", status="running", model=tuned)
    assert any("ftjob-2" in line for line in model_consequences(model, [*jobs, heir]))


def test_files_know_their_jobs() -> None:
    files = [
        FileEntry("file-a", "a.jsonl", 10, "fine-tune", 1, ""),
        FileEntry("file-r", "r.csv", 10, "fine-tune-results", 2, ""),
        FileEntry("file-x", "x.jsonl", None, "fine-tune", None, ""),
    ]
    jobs = [
        row(id="ftjob-2", status="running", training_file="file-a"),
        row(training_file="file-a", result_files=["file-r"]),
    ]
    found = {file.id: file for file in kept_files(files, jobs)}
    assert list(found) == ["file-r", "file-a", "file-x"]
    assert found["file-a"].used_by == ("ftjob-2", "ftjob-1")
    assert "ftjob-2 has not ended" in file_consequences(found["file-a"])[0]
    assert "step metrics" in file_consequences(found["file-r"])[0]
    assert "No job" in file_consequences(found["file-x"])[0]


class _Files:
    """A server that ignores the cursor."""

    calls = 0

    async def list_files(self, limit: int = 100, after: str | None = None) -> Any:
        from tui.jobs import FilePage

        self.calls += 1
        return FilePage((FileEntry("file-a", "a", 1, "fine-tune", 1, ""),), True, "file-a")


async def test_a_list_that_never_ends_is_left() -> None:
    server = _Files()
    assert len(await all_files(server)) == 1  # type: ignore[arg-type]
    assert server.calls == 2
