"""What the Tab key offers: the protocol that shells speak, and the shells themselves."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.calling import Out
from tests.terminal import ROOT, Terminal
from tui.cli.completion import SHELLS
from tui.cli.main import FAMILY_OF
from tui.config import Paths
from tui.jobs import Job, Ledger, open_ledger

BREAKS = " \t\n\"'><=;|&(:"
HEAVY = ("openai", "textual", "numpy", "tiktoken", "plotext", "asyncio", "starlette")
HOSTILE = (
    *("$(touch pwned).jsonl", "`id`.jsonl", "a;id.jsonl", "a|id.jsonl", "*.jsonl", '".jsonl'),
    *("-rf.jsonl", "--yes", "new\nline.jsonl", "\x1b[31m.jsonl", "a\x0bb.jsonl", "!!.jsonl"),
    *("\u202e.jsonl", "back\\slash.jsonl", ">out.jsonl"),
)
ODD = (
    "a b.jsonl",
    "it's (1).jsonl",
    "Q&A#{1}.jsonl",
    "[final].jsonl",
    "über ~.jsonl",
    "k=v:1.jsonl",
)

Tab = Callable[..., list[str]]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder a person stands in."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def tab(home: Path, work: Path, tmp_path: Path) -> Tab:
    """Press Tab at the end of a line; gives what a shell would get."""

    def press(line: str, shell: str = "bash", **env: str) -> list[str]:
        answer = tmp_path / "answer"
        answer.unlink(missing_ok=True)
        env = {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_SHELL": shell,
            "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            **({"_ARGCOMPLETE_COMP_WORDBREAKS": BREAKS} if shell == "bash" else {}),
            **env,
        }
        done = _run(env=env)
        assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
        text = answer.read_text()
        return text.split("\v") if text else []

    return press


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    """The ledger with jobs of two providers, open as a command that watches has it."""
    ledger = open_ledger(Paths.resolve().state)
    ledger.keep_jobs(
        "local",
        [
            _job("ftjob-old", 1, status="succeeded", fine_tuned_model="ft:micro:local:s:old"),
            _job("ftjob-new", 4),
            _job("ftjob-$(touch pwned)", 5),
        ],
    )
    ledger.keep_jobs("lab http://127.0.0.1:9/v1", [_job("ftjob-lab", 3, model="qwen", suffix="x")])
    yield ledger
    ledger.close()


def _job(job_id: str, hour: int, **more: object) -> Job:
    raw = {"status": "running", "model": "micro", "created_at": 1_790_000_000 + 3600 * hour}
    job = Job.from_wire({"id": job_id, **raw, **more}, "")
    assert job is not None
    return job


def _run(*argv: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", *argv],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )


def _settings(text: str) -> None:
    folder = Paths.resolve().config
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(text)


LAB = '[providers.lab]\nbase_url = "http://127.0.0.1:9/v1"\n'

# --- what the program itself has ---------------------------------------------------------------


def test_first_word_is_a_command_or_a_path(tab: Tab, work: Path) -> None:
    for name in ("train.jsonl", "notes.txt", ".hidden.jsonl"):
        (work / name).touch()
    (work / "data").mkdir()
    assert tab("tunedeck ") == [*FAMILY_OF, "train.jsonl", "data/"]
    assert tab("tunedeck che") == ["check", "checkpoints"]
    assert tab("tunedeck train.jsonl ") == ["data/"]
    assert tab("tunedeck train.jsonl --m") == ["--mouse"]
    assert tab("tunedeck no") == ["notes.txt"]


def test_zsh_and_fish_are_told_what_each_command_does(tab: Tab, work: Path) -> None:
    told = tab("tunedeck ", "zsh")
    assert "doctor:what works here and what does not" in told
    assert {line.partition(":")[0] for line in told} == set(FAMILY_OF)
    assert not [line for line in told if line.endswith((":", ":None"))]
    told = tab("tunedeck ", "fish", _ARGCOMPLETE_DFS="\t")
    assert "doctor\twhat works here and what does not" in told


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tunedeck check --fo", ["--format"]),
        ("tunedeck check --format ", ["auto", "chat", "preference", "reinforcement", "completion"]),
        ("tunedeck check --format=c", ["chat", "completion"]),
        ("tunedeck check --format chat --fail-on w", ["warning"]),
        ("tunedeck --ascii check --rul", ["--rules"]),
        ("tunedeck select x.jsonl --sort ", ["file", "tokens", "messages", "issues", "size"]),
        ("tunedeck fix x.jsonl --rule dup", ["duplicate_example"]),
        ("tunedeck stats --encoding cl", ["cl100k_base"]),
        ("tunedeck jobs --status su", ["succeeded"]),
        ("tunedeck launch --method r", ["reinforcement"]),
        ("tunedeck launch --model ", ["micro"]),
        ("tunedeck check --provider loc", ["local"]),
        ("tunedeck completion ", list(SHELLS)),
        ("tunedeck launch --suffix ", []),
        ("tunedeck nonsense ", []),
        ("tunedeck check 'half \"", []),
    ],
)
def test_what_an_argument_takes(line: str, offered: list[str], tab: Tab, work: Path) -> None:
    assert tab(line) == offered


def test_the_cursor_may_stand_anywhere(tab: Tab, work: Path) -> None:
    (work / "über.jsonl").touch()
    (work / "other.jsonl").touch()
    assert tab("tunedeck check --for --json", COMP_POINT="20") == ["--format"]
    line = "tunedeck check üb"
    for length in (len(line), len(line.encode())):
        assert tab(line, COMP_POINT=str(length)) == ["über.jsonl"]


def test_a_command_that_takes_nothing_else_offers_its_options(tab: Tab) -> None:
    offered = tab("tunedeck jobs ")
    assert {"--limit", "--provider", "--json"} <= set(offered)
    assert tab("tunedeck jobs --limit ") == []


@pytest.mark.parametrize("command", FAMILY_OF)
def test_every_command_answers(command: str, tab: Tab) -> None:
    assert "--help" in tab(f"tunedeck {command} --")


# --- what this machine knows -------------------------------------------------------------------


def test_job_ids_newest_first(tab: Tab, ledger: Ledger) -> None:
    assert tab("tunedeck watch ") == ["last", "ftjob-new", "ftjob-lab", "ftjob-old"]
    assert tab("tunedeck results ftjob-o") == ["ftjob-old"]
    assert tab("tunedeck launch --from-job ftjob-o") == ["ftjob-old"]
    assert tab("tunedeck watch ftjob-new ") == ["last", "ftjob-lab", "ftjob-old"]
    about = tab("tunedeck watch ftjob-l", "zsh")
    assert re.fullmatch(r"ftjob-lab:running, 21 Sep \d\d:\d\d, x, qwen", about[0])


def test_only_what_goes_on_can_be_cancelled(tab: Tab, ledger: Ledger) -> None:
    for command in ("cancel", "wait", "pause", "resume"):
        assert tab(f"tunedeck {command} ") == ["last", "ftjob-new", "ftjob-lab"]


def test_a_provider_that_is_named_narrows_jobs_and_models(tab: Tab, ledger: Ledger) -> None:
    _settings(LAB)
    assert tab("tunedeck watch --provider lab ") == ["last", "ftjob-lab"]
    assert tab("tunedeck watch ", TUNEDECK_PROVIDER="local") == ["last", "ftjob-new", "ftjob-old"]
    assert tab("tunedeck compare lab/") == ["lab/ftjob-lab"]
    assert tab("tunedeck launch --provider lab --model ")[0] == "qwen"
    assert tab("tunedeck delete-model ") == ["ft:micro:local:s:old"]
    # What bash takes for several words is completed from the last of them on.
    assert tab("tunedeck sample --model ft:micro:lo") == ["local:s:old"]


def test_uploads_and_launches_left_open(tab: Tab, ledger: Ledger) -> None:
    ledger.keep_upload("local", "a" * 64, "file-abc", 12)
    assert tab("tunedeck delete-file ") == ["file-abc"]
    assert tab("tunedeck launch --resume ") == []


def test_providers_are_those_of_the_settings(tab: Tab) -> None:
    _settings(LAB)
    assert tab("tunedeck doctor --provider ") == ["local", "lab", "openai"]
    assert tab("tunedeck --provider l") == ["local", "lab"]


@pytest.mark.parametrize("text", ["providers = 7", "[providers", "default_provider = []"])
def test_broken_settings_leave_what_is_known_without_them(text: str, tab: Tab) -> None:
    _settings(text)
    assert tab("tunedeck doctor --provider ") == ["local", "openai"]
    assert tab("tunedeck launch --model ") == ["micro"]
    assert tab("tunedeck watch ") == ["last"]


def test_without_a_ledger_nothing_is_made(tab: Tab, home: Path, work: Path) -> None:
    assert tab("tunedeck watch ") == ["last"]
    assert tab("tunedeck delete-model ") == []
    assert not home.exists()
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("damage", [b"no database", b""])
def test_a_damaged_ledger_is_as_good_as_none(damage: bytes, tab: Tab) -> None:
    state = Paths.resolve().state
    state.mkdir(parents=True)
    (state / "ledger.db").write_bytes(damage)
    assert tab("tunedeck watch ") == ["last"]
    assert [one.name for one in state.iterdir()] == ["ledger.db"]


@pytest.mark.parametrize("watched", [True, False], ids=["in use", "at rest"])
def test_the_ledger_is_read_and_not_written(watched: bool, tab: Tab, ledger: Ledger) -> None:
    state = Paths.resolve().state
    if not watched:
        ledger.close()
    before = {one.name: one.read_bytes() for one in state.iterdir() if "shm" not in one.name}
    assert len(tab("tunedeck watch ")) == 4
    after = {one.name: one.read_bytes() for one in state.iterdir() if "shm" not in one.name}
    assert after == before
    assert watched or list(after) == ["ledger.db"]


# --- files and foreign names -------------------------------------------------------------------


def test_files_that_fit_then_folders(tab: Tab, work: Path, home: Path) -> None:
    for name in ("b.jsonl.gz", "a.json", "c.JSONL", "t.csv", "g.txt"):
        (work / name).touch()
    (work / "d" / "e").mkdir(parents=True)
    (work / "d" / "x.jsonl").touch()
    assert tab("tunedeck check ") == ["a.json", "b.jsonl.gz", "c.JSONL", "d/"]
    assert tab("tunedeck check d/") == ["d/x.jsonl", "d/e/"]
    assert tab("tunedeck check ./d/x") == ["./d/x.jsonl"]
    assert "t.csv" in tab("tunedeck convert ")
    assert tab("tunedeck serve --data-dir ") == ["d/"]
    assert tab("tunedeck check ~/wo", HOME=str(work.parent)) == ["~/work/"]
    assert tab("tunedeck check nowhere/") == []


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_no_name_can_be_more_than_a_name(shell: str, quote: str, tab: Tab, work: Path) -> None:
    for name in (*HOSTILE, *ODD):
        (work / name).touch()
    (work / os.fsdecode(b"\xff.jsonl")).touch()
    offered = tab(f"tunedeck check {quote}", shell)
    if shell == "fish":
        # It quotes by itself.
        names = offered
    else:
        strip = (lambda text: text[:-1].replace("\\:", ":")) if shell == "zsh" else str
        names = [" ".join(shlex.split(f"{quote}{strip(one)}{quote}")) for one in offered]
    expected = [name for name in ODD if not (quote and "[" in name)]
    assert sorted(names) == sorted(expected)


# --- the command and its cost ------------------------------------------------------------------


def test_nothing_heavy_is_imported(home: Path, work: Path, tmp_path: Path, ledger: Ledger) -> None:
    for line in ("tunedeck ", "tunedeck watch ", "tunedeck check ", "tunedeck launch --model "):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "tui"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={
                **{**os.environ, "PYTHONPATH": str(ROOT), "_ARGCOMPLETE": "1"},
                **{"COMP_LINE": line, "COMP_POINT": str(len(line))},
                "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "answer"),
            },
        )
        imported = {row.rpartition("|")[2].strip() for row in done.stderr.splitlines()}
        assert "argcomplete" in imported
        assert not imported & set(HEAVY), line


def test_a_plain_command_knows_nothing_of_completion(home: Path) -> None:
    # The variable alone, left over from somewhere, changes nothing.
    done = _run("doctor", "--help", env={"_ARGCOMPLETE": "1", "PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    assert "what works here" in done.stdout.lower()
    assert "argcomplete" not in done.stderr
    assert "tui.cli.completing" not in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        {"COMP_POINT": "x"},
        {"_ARGCOMPLETE": "x"},
        {"_ARGCOMPLETE_STDOUT_FILENAME": "/nowhere/at/all"},
        {"_ARGCOMPLETE_IFS": "two"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_shell_that_asks_wrongly_gets_nothing(wrong: dict[str, str], home: Path) -> None:
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": "tunedeck watch ", "COMP_POINT": "15"}
    done = _run(env={**asked, "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/null", **wrong})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert not home.exists()


def test_the_help_says_how_to_use_it(capsys: pytest.CaptureFixture[str], out: Out) -> None:
    with pytest.raises(SystemExit):
        out("completion", "--help")
    said = capsys.readouterr().out
    for line in (
        'eval "$(tunedeck completion bash)"',
        'eval "$(tunedeck completion zsh)"',
        "tunedeck completion fish | source",
    ):
        assert line in said
    code, _, error = out("completion", "tcsh")
    assert code == 2
    assert "bash" in error


# --- the shells themselves ---------------------------------------------------------------------

START = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--no-config", "-i"),
}
USE = {
    "bash": "PS1='> '; eval \"$(tunedeck completion bash)\"; echo rea''dy\r",
    "zsh": "PS1='> '; eval \"$(tunedeck completion zsh)\"; echo rea''dy\r",
    "fish": "tunedeck completion fish | source; echo rea''dy\r",
}


@pytest.mark.e2e
@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes(shell: str, home: Path, work: Path, ledger: Ledger) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    for name in ("Q&A (1).jsonl", "$(touch pwned).jsonl"):
        (work / name).touch()
    programs = work.parent / "bin"
    programs.mkdir()
    program = programs / "tunedeck"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tui "$@"\n')
    program.chmod(0o755)
    env = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TUNEDECK_HOME": str(home),
        "HOME": str(work.parent),
        "INPUTRC": "/dev/null",
    }
    with Terminal(START[shell], size=(100, 40), env=env, cwd=work) as terminal:
        terminal.type(USE[shell])
        terminal.wait_for("ready")
        terminal.type("tunedeck resul\t")
        terminal.wait_for("tunedeck results")
        terminal.type("ftjob-o\t")
        terminal.wait_for("tunedeck results ftjob-old")
        terminal.type("\x15tunedeck check Q\t")
        terminal.wait_for(r"Q\&A\ \(1\).jsonl")
        terminal.type("--he\t\r")
        terminal.wait_for("Find every format problem")
    assert not (work / "pwned").exists()
