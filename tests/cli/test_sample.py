"""``sample``, ``checkpoints``, ``files`` and deleting, as people and scripts use them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import Out
from tests.jobs.keeper import Keeper
from tests.jobs.test_results import ended, launched
from tui.cli import run
from tui.config import Paths
from tui.jobs import CallError, Checkpoint, FileEntry, ModelEntry, open_ledger

TUNED = "ft:gpt-4.1-mini-2025-04-14:acme:support:abc"


@pytest.fixture
def lab() -> Keeper:
    """A provider that answers ``echo`` with the question and ``fixed`` always alike."""
    found = Keeper({"echo": lambda text: text, "fixed": "It is blue.", TUNED: "tuned"})
    found.add(fine_tuned_model=TUNED, trained_tokens=900, suffix="support")
    return found


@pytest.fixture
def out(out: Out, lab: Keeper, home: Path, monkeypatch: pytest.MonkeyPatch) -> Out:
    """Call a command whose providers are the lab."""
    config = home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        'default_provider = "lab"\n[providers.lab]\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[providers.far]\nbase_url = "https://far.example/v1"\n'
    )

    def opened(config: Any, _paths: Any) -> Keeper:
        lab.config, lab.name = config, config.name
        return lab

    monkeypatch.setattr("tui.jobs.open_provider", opened)
    monkeypatch.setattr("tui.jobs.sampling._BACKOFF", 0.001)
    return out


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "held.jsonl"
    records = [
        ("What colour is it?", "It is blue."),
        ("Say so", "Say so"),
        ("Why \x1b[31m\u202e?", "Because."),
    ]
    path.write_text(
        "".join(
            json.dumps(
                {
                    "messages": [
                        {"role": "user", "content": question},
                        {"role": "assistant", "content": answer},
                    ]
                }
            )
            + "\n"
            for question, answer in records
        )
    )
    return path


def parsed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_answers_side_by_side_for_machines(out: Out, prompts: Path) -> None:
    code, printed, told = out(
        "sample", "--model", "echo", "--model", "fixed", "--prompts", str(prompts), "--json"
    )
    assert code == 0
    *samples, end = parsed(printed)
    assert [one["prompt"]["number"] for one in samples] == [1, 2, 3]
    first = samples[0]
    assert first["kind"] == "sample"
    assert first["reference"] == "It is blue."
    assert first["prompt"]["messages"] == [{"role": "user", "content": "What colour is it?"}]
    echo, fixed = first["answers"]
    assert (echo["model"], echo["provider"], echo["exact"]) == ("echo", "lab", False)
    assert (fixed["text"], fixed["exact"], fixed["similarity"]) == ("It is blue.", True, 1.0)
    assert (fixed["finish_reason"], fixed["error"], fixed["reused"]) == ("stop", None, False)
    assert end["kind"] == "end"
    assert [model["exact"] for model in end["models"]] == [1, 1]
    assert "requests" in told


def test_answers_for_people(out: Out, prompts: Path) -> None:
    code, printed, _ = out(
        "sample", "--model", "fixed", "--model", "echo", "--prompts", str(prompts), "--n", "1"
    )
    assert code == 0
    lines = printed.splitlines()
    assert lines[0] == "prompt 1 of 1, line 1"
    assert "reference" in lines[2]
    assert any("fixed (exact" in line for line in lines)
    assert any(line.startswith("echo") and "0 of 1" in line for line in lines)
    assert "Neither says whether an answer is right." in printed


def test_words_that_differ_have_a_sign_under_them(out: Out, tmp_path: Path, lab: Keeper) -> None:
    lab.says["near"] = "The sky over Bern is grey today."
    path = tmp_path / "a.jsonl"
    path.write_text(
        json.dumps({"prompt": "How is it?", "completion": "The sky over Bern is blue today."})
    )
    _, printed, _ = out("sample", "--model", "near", "--prompts", str(path))
    lines = printed.splitlines()
    at = next(n for n, line in enumerate(lines) if "grey" in line)
    assert lines[at + 1].index("‾‾‾‾") == lines[at].index("grey")
    assert lines[at + 1].strip() == "‾‾‾‾"


def test_nothing_foreign_reaches_the_terminal(out: Out, prompts: Path, lab: Keeper) -> None:
    lab.says["echo"] = "\x1b]0;x\x07 \u202e evil"
    _, printed, told = out("sample", "--model", "echo", "--prompts", str(prompts))
    assert not {"\x1b", "\u202e", "\x07"} & set(printed + told)


def test_a_model_that_fails_stops_no_other(out: Out, prompts: Path, lab: Keeper) -> None:
    lab.says["gone"] = CallError("there is no model gone", "see 'tunedeck models'", status=404)
    code, printed, told = out(
        "sample", "--model", "gone", "--model", "echo", "--prompts", str(prompts), "--json"
    )
    assert code == 3
    *_, end = parsed(printed)
    assert [(m["answered"], m["failed"]) for m in end["models"]] == [(0, 3), (3, 0)]
    assert "gone left 3 unanswered: there is no model gone: see 'tunedeck models'" in told


def test_a_provider_without_a_key_stops_no_other(out: Out, prompts: Path) -> None:
    code, _, told = out(
        "sample", "--model", "openai/gpt-4o", "--model", "echo", "--prompts", str(prompts), "--json"
    )
    assert code == 3
    assert "openai/gpt-4o was not asked: OPENAI_API_KEY is not set" in told


def test_a_job_stands_for_its_model_and_its_checkpoints(
    out: Out, prompts: Path, lab: Keeper
) -> None:
    lab.kept = (
        Checkpoint("a", 10, "fixed", 1, {"valid_loss": 0.5}),
        Checkpoint("b", 20, "echo", 2, {"valid_loss": 0.9}),
    )
    models = ["ftjob-1", "job:ftjob-1@best", "ftjob-1@20", "job:last"]
    flags = [flag for model in models for flag in ("--model", model)]
    code, printed, _ = out("sample", *flags, "--prompts", str(prompts), "--n", "1", "--json")
    assert code == 0
    answers = parsed(printed)[0]["answers"]
    assert [one["model"] for one in answers] == [TUNED, "fixed", "echo"]
    assert [one["label"] for one in answers] == [TUNED, "support@10", "support@20"]


def test_a_job_that_is_not_there_is_told_and_the_rest_is_asked(out: Out, prompts: Path) -> None:
    code, printed, told = out(
        "sample", "--model", "ftjob-none", "--model", "echo", "--prompts", str(prompts), "--json"
    )
    assert "ftjob-none was not asked" in told
    assert code == 3
    *_, end = parsed(printed)
    assert [(m["label"], m["answered"]) for m in end["models"]] == [("echo", 3), ("ftjob-none", 0)]
    code, printed, _ = out("sample", "--model", "ftjob-x", "--prompts", str(prompts), "--json")
    assert code == 3
    assert json.loads(printed)["error"]["code"] == "not_found"


def test_prompts_that_were_trained_on_are_told(out: Out, prompts: Path, lab: Keeper) -> None:
    ledger = open_ledger(Paths.resolve().state)
    launched(ledger, "ftjob-1", {}, at=lab.endpoint, file=str(prompts))
    ledger.close()
    _, _, told = out("sample", "--model", "ftjob-1", "--prompts", str(prompts), "--json")
    assert "ftjob-1 was trained on these very prompts" in told


def test_what_the_file_holds_is_not_asked_again(
    out: Out, prompts: Path, tmp_path: Path, lab: Keeper
) -> None:
    kept = tmp_path / "answers.jsonl"
    base = ("sample", "--model", "fixed", "--prompts", str(prompts), "-o", str(kept), "--json")
    assert out(*base, "--n", "1")[0] == 0
    assert len(kept.read_text().splitlines()) == 1
    # A crash may have cut the last line.
    with kept.open("a") as file:
        file.write('{"kind": "sample", "answers": [{"key"')
    code, printed, told = out(*base)
    assert code == 0
    assert "1 answer found in" in told
    assert [one["answers"][0]["reused"] for one in parsed(printed)[:3]] == [True, False, False]
    assert set(lab.sent.values()) == {1}
    code, _, _ = out(*base)
    assert set(lab.sent.values()) == {1}
    assert len(kept.read_text().splitlines()) == 4


def test_a_file_that_is_something_else_is_left_alone(
    out: Out, prompts: Path, tmp_path: Path
) -> None:
    before = prompts.read_bytes()
    code, _, told = out(
        "sample", "--model", "echo", "--prompts", str(prompts), "-o", str(prompts), "--json"
    )
    assert code == 2
    assert "something else" in told
    assert prompts.read_bytes() == before


def test_settings_go_along(out: Out, prompts: Path, lab: Keeper) -> None:
    base = ("sample", "--model", "echo", "--prompts", str(prompts), "--n", "1", "--json")
    out(*base, "--temperature", "0.5", "--max-tokens", "9", "--seed", "3", "--system", "Be brief.")
    assert lab.options == [{"temperature": 0.5, "max_tokens": 9, "seed": 3}]
    _, printed, _ = out(*base, "--system", "Be brief.", "--temperature", "default")
    assert parsed(printed)[0]["prompt"]["messages"][0] == {
        "role": "system",
        "content": "Be brief.",
    }
    assert lab.options[1] == {"max_tokens": 256}


@pytest.mark.parametrize(
    "flags",
    [
        ("--prompts", "PROMPTS"),
        ("--model", "", "--prompts", "PROMPTS"),
        ("--model", "echo", "--prompts", "PROMPTS", "--n", "0"),
        ("--model", "echo", "--prompts", "PROMPTS", "--temperature", "9"),
        ("--model", "echo", "--prompts", "nowhere.jsonl"),
        ("--model", "echo"),
    ],
)
def test_wrong_usage(out: Out, prompts: Path, flags: tuple[str, ...]) -> None:
    code, _, told = out("sample", *(str(prompts) if f == "PROMPTS" else f for f in flags))
    assert code == 2
    assert len(told.splitlines()) == 1


def test_money_is_said_and_much_of_it_needs_a_yes(
    out: Out, prompts: Path, lab: Keeper, home: Path
) -> None:
    (home / "config" / "prices.toml").write_text(
        '[openai.models]\n"echo" = { training = 1.0, input = 1000.0, output = 10000.0 }\n'
    )
    base = ("sample", "--model", "far/echo", "--prompts", str(prompts), "--json")
    code, printed, told = out(*base)
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "not_confirmed"
    assert "at far, at most $7." in told
    assert not lab.sent
    assert out(*base, "--yes")[0] == 0
    assert out(*base, "--max-tokens", "5")[0] == 0


@pytest.mark.parametrize("yes", [False, True])
def test_a_person_is_asked_about_money_once(
    out: Out, prompts: Path, lab: Keeper, monkeypatch: pytest.MonkeyPatch, yes: bool
) -> None:
    asked: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return yes

    monkeypatch.setattr("tui.cli.sample.is_interactive", lambda: True)
    monkeypatch.setattr("tui.cli.sample.confirm", confirm)
    base = ("sample", "--model", "far/echo", "--model", "far/fixed", "--prompts", str(prompts))
    code, _, told = out(*base)
    assert len(asked) == 1
    assert "price not known" in told
    assert (code, sum(lab.sent.values())) == ((0, 6) if yes else (4, 0))
    # What costs nothing is not asked about, and --yes has answered.
    assert out("sample", "--model", "echo", "--prompts", str(prompts))[0] == 0
    assert out(*base, "--yes")[0] == 0
    assert len(asked) == 1


# --- checkpoints, models, files -----------------------------------------------------------------


def test_checkpoints(out: Out, lab: Keeper) -> None:
    lab.kept = (
        Checkpoint("b", 20, "m:20", 1_700_000_000, {"valid_loss": 0.9, "train_loss": 0.1}),
        Checkpoint("a", 10, "m:10", None, {"valid_loss": 0.5}),
    )
    code, printed, told = out("checkpoints", "ftjob-1")
    assert code == 0
    assert [line.split()[0] for line in printed.splitlines()[1:]] == ["*", "20"]
    assert "best by valid_loss" in told
    answer = json.loads(out("checkpoints", "ftjob-1", "--json")[1])
    assert [one["best"] for one in answer["checkpoints"]] == [True, False]
    assert answer["checkpoints"][1]["metrics"] == {"valid_loss": 0.9, "train_loss": 0.1}
    lab.kept = ()
    assert "No checkpoint" in out("checkpoints", "ftjob-1")[1]


def test_results_with_other_columns(out: Out, lab: Keeper, tmp_path: Path) -> None:
    lab.add(result_files=["file-r"], trained_tokens=100)
    lab.contents["file-r"] = b"Step;Training Loss;note\n1;2.5;a\n2;1.5;\x1b[31m\n"
    answer = json.loads(out("results", "ftjob-1", "--json")[1])
    assert answer["columns"] == ["Step", "Training Loss", "note"]
    assert answer["names"]["Training Loss"] == "train_loss"
    assert answer["rows"][0] == {"Step": 1.0, "Training Loss": 2.5, "note": "a"}
    assert answer["billed"] is None
    code, printed, _ = out("results", "ftjob-1", "--plot")
    assert code == 0
    assert "train_loss" in printed
    assert "\x1b" not in out("results", "ftjob-1")[1]


def test_files(out: Out, lab: Keeper) -> None:
    lab.add(training_file="file-a", fine_tuned_model=TUNED)
    lab.files = [FileEntry("file-a", "tr\x1bain.jsonl", 1200, "fine-tune", 1_700_000_000, "")]
    out("jobs")
    code, printed, _ = out("files")
    assert code == 0
    assert "ftjob-1" in printed
    assert "1.2 kB" in printed
    assert "\x1b" not in printed
    answer = json.loads(out("files", "--json")[1])["files"][0]
    assert (answer["id"], answer["used_by"], answer["running"]) == ("file-a", ["ftjob-1"], [])
    lab.files = []
    assert "keeps no files" in out("files")[1]


def test_models_say_what_they_came_of(out: Out, lab: Keeper) -> None:
    lab.entries = [ModelEntry(TUNED, "acme", 5, "2027-01-14")]
    out("jobs")
    found = json.loads(out("models", "--json")[1])["models"]
    assert (found[0]["id"], found[0]["tuned"], found[0]["job"]) == (TUNED, True, "ftjob-1")


def test_deleting_needs_a_yes(out: Out, lab: Keeper, home: Path) -> None:
    lab.entries = [ModelEntry(TUNED, "acme", 5, None)]
    lab.files = [FileEntry("file-a", "a", 1, "fine-tune", 1, "")]
    for command, name in (("delete-model", TUNED), ("delete-file", "file-a")):
        code, printed, _ = out(command, name, "--json")
        assert code == 4
        assert json.loads(printed)["error"]["code"] == "not_confirmed"
        assert lab.gone == []
    assert json.loads(out("delete-file", "file-a", "--yes", "--json")[1]) == {
        "id": "file-a",
        "deleted": True,
    }
    assert out("delete-model", TUNED, "--yes")[0] == 0
    assert lab.gone == ["file-a", TUNED]


def test_a_person_is_told_what_breaks(
    out: Out, lab: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr("tui.cli.stored.is_interactive", lambda: True)
    monkeypatch.setattr("tui.cli.stored.confirm", confirm)
    lab.add("ftjob-2", "running", training_file="file-a")
    lab.files = [FileEntry("file-a", "a", 1, "fine-tune", 1, "")]
    out("jobs")
    code, _, told = out("delete-file", "file-a")
    assert code == 4
    assert "ftjob-2 has not ended and still needs it" in told
    assert asked == ["Delete file-a at lab? This cannot be undone."]
    lab.down = "nothing answers"
    assert "is not known" in out("delete-file", "file-a")[2]
    assert lab.gone == []


def test_read_only_is_refused_before_a_question(
    out: Out, lab: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(config: Any, _paths: Any) -> Keeper:
        lab.config = replace(config, read_only=True)
        return lab

    monkeypatch.setattr("tui.jobs.open_provider", opened)
    monkeypatch.setenv("TUNEDECK_READ_ONLY", "1")
    code, printed, _ = out("delete-file", "file-a", "--yes", "--json")
    assert code == 4
    assert json.loads(printed)["error"]["code"] == "read_only"
    assert lab.gone == []


def test_bills_are_told_with_the_results(out: Out, lab: Keeper) -> None:
    lab.add(result_files=["file-r"], trained_tokens=110)
    lab.contents["file-r"] = b"step,train_loss\n1,2.5\n"
    ledger = open_ledger(Paths.resolve().state)
    launched(ledger, "ftjob-1", {"tokens_billed": 100}, at=lab.endpoint)
    ledger.close()
    _, printed, told = out("results", "ftjob-1", "--json")
    billed = json.loads(printed)["billed"]
    assert (billed["estimated"], billed["billed"], billed["ratio"]) == (100, 110, 1.1)
    code, _, told = out("results", "ftjob-1")
    assert code == 0
    assert "billed: 110 tokens, 1.10x of the 100 estimated" in told
    assert "lab billed 1.10x of the estimate in the last run" in told


def test_past_bills_stand_beside_an_estimate(out: Out, lab: Keeper, sample_data: Path) -> None:
    file = str(sample_data / "support_chat.jsonl")
    before = out("cost", file, "--model", "micro", "--json")
    ledger = open_ledger(Paths.resolve().state)
    launched(ledger, "ftjob-9", {"tokens_billed": 100}, at="local")
    ledger.keep_jobs("local", [ended("ftjob-9", 105)])
    ledger.close()
    assert out("cost", file, "--model", "micro", "--json") == before
    _, _, told = out("cost", file, "--model", "micro")
    assert "local billed 1.05x of the estimate in the last run" in told


def test_the_embedded_service_answers(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way: a model is trained on this machine and asked, beside its base."""
    file = tmp_path / "train.jsonl"
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"Question {n}"},
                {"role": "assistant", "content": "Yes."},
            ]
        }
        for n in range(10)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    launch = ("launch", str(file), "--model", "micro", "--epochs", "1", "--provider", "local")
    assert run([*launch, "--yes", "--json"]) == 0
    job = json.loads(capsys.readouterr().out)["job"]["id"]
    assert run(["wait", job, "--timeout", "100s"]) == 0
    flags = ("--prompts", str(file), "--n", "2", "--max-tokens", "5", "--json")
    code = run(["sample", "--model", job, "--model", "local/micro", *flags])
    *samples, end = parsed(capsys.readouterr().out)
    assert code == 3
    assert [one["prompt"]["line"] for one in samples] == [1, 2]
    tuned, base = end["models"]
    assert (tuned["provider"], tuned["answered"], tuned["failed"]) == ("local", 2, 0)
    # The base model has learnt nothing that could be asked, and says so.
    assert base["failed"] == 2
    assert "learnt nothing" in base["error"]["message"]
    assert run(["results", job, "--json"]) == 0
    billed = json.loads(capsys.readouterr().out)["billed"]
    assert billed["billed"] == billed["estimated"] > 0
