"""``tunedeck select`` as people and scripts meet it."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.terminal import TUNEDECK, Terminal
from tui.cli.main import run_command


@pytest.fixture(autouse=True)
def _home(home: Path) -> None:
    """A home without settings."""


def line(content: str, answer: str = "fine", **more: Any) -> str:
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages, **more})


LINES = (
    line("refund please"),
    line("Größe M", "yes"),
    "",
    line("nothing", "no REFUND", tools=[]),
    line("x " * 500),
    "{broken refund",
)


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(LINES) + "\n")
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = run_command(["select", *argv])
    out, err = capsys.readouterr()
    return code, out, err


def lines(*numbers: int) -> str:
    return "".join(LINES[number] + "\n" for number in numbers)


@pytest.mark.parametrize(
    ("argv", "numbers"),
    [
        (["--grep", "refund"], (0, 5)),
        (["--grep", "refund", "--ignore-case"], (0, 3, 5)),
        (["--grep", "refund", "--ignore-case", "--role", "assistant"], (3,)),
        (["--grep", "gr.(ß|ss)e", "--regex", "--ignore-case"], (1,)),
        (["--where", "/refund/i", "--sort", "-size"], (3, 0, 5)),
        (["--where", "severity:error"], (5,)),
        (["--where", "role:user", "--grep", "refund"], (0,)),
        (["--where", "label:answer=yes"], (1,)),
        (["--where", "has:blank"], (2,)),
        (["--where", "tokens:>100"], (4,)),
        (["--where", "role:user without:system messages:2", "--sort", "-tokens"], (4, 1, 3, 0)),
        (["--where", "role:user", "--sort=-file"], (4, 3, 1, 0)),
        ([], (0, 1, 2, 3, 4, 5)),
    ],
)
def test_records_as_they_stand(
    data: str, capsys: pytest.CaptureFixture[str], argv: list[str], numbers: tuple[int, ...]
) -> None:
    code, out, err = run(capsys, data, *argv)
    assert (code, out, err) == (0, lines(*numbers), "")
    code, out, _ = run(capsys, data, *argv, "--count")
    assert (code, out) == (0, f"{len(numbers)}\n")
    code, out, _ = run(capsys, data, *argv, "--count", "--json")
    assert json.loads(out) == {"count": len(numbers), "records": 6}


@pytest.mark.parametrize("argv", [["--grep", "none"], ["--where", "role:tool"]])
def test_none_found(data: str, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    assert run(capsys, data, *argv) == (1, "", "")
    assert run(capsys, data, *argv, "--count") == (1, "0\n", "")
    out = str(Path(data).parent / "out.jsonl")
    code, said, noted = run(capsys, data, *argv, "-o", out)
    assert (code, said) == (1, "")
    assert "nothing was written" in noted
    assert not Path(out).exists()


@pytest.mark.parametrize("argv", [["--grep", "refund"], ["--where", "role:user /refund/"]])
def test_json_says_where(data: str, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    code, out, _ = run(capsys, data, *argv, "--json")
    found = [json.loads(row) for row in out.splitlines()]
    assert code == 0
    first = found[0]
    assert (first["file"], first["line"], first["offset"]) == (data, 1, 0)
    assert first["bytes"] == len(LINES[0])
    assert first["messages"] == 2
    code, stats = run_command(["stats", data, "--json"]), json.loads(capsys.readouterr().out)
    assert first["tokens"] in range(5, stats["tokens_total"])
    if "--grep" in argv:
        assert (found[1]["line"], found[1]["tokens"]) == (6, 0)
    tokens = [json.loads(run(capsys, data, *a, "--json")[1].splitlines()[0])["tokens"]
              for a in (["--grep", "refund"], ["--where", "role:user /refund/"])]  # fmt: skip
    assert tokens[0] == tokens[1]


def test_written_with_a_manifest(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = Path(data).parent / "out.jsonl"
    code, said, _ = run(capsys, data, "--where", "role:user", "--sort=-tokens", "-o", str(out))
    assert code == 0
    assert "4 of 6 records written" in said
    assert "with user messages, most tokens first" in said
    assert out.read_text() == lines(4, 1, 3, 0)
    manifest = json.loads((out.parent / "out.jsonl.manifest.json").read_text())
    assert manifest["filter"]["text"] == "role:user"
    assert manifest["records"] == 4
    code, _, err = run(capsys, data, "--where", "role:user", "-o", str(out))
    assert code == 2
    assert "exists already" in err
    code, said, _ = run(capsys, data, "--grep", "Größe", "-o", str(out), "--force", "--json")
    assert code == 0
    assert json.loads(said)["records"] == 1
    assert out.read_text() == lines(1)
    assert run(capsys, data, "--grep", "Größe", "-o", data, "--force")[0] == 2
    assert Path(data).read_text().count("\n") == len(LINES)


def test_packed_and_several_files(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = tmp_path / "more.jsonl.gz"
    packed.write_bytes(gzip.compress(lines(1, 0).encode()))
    assert run(capsys, str(packed), "--grep", "refund")[:2] == (0, lines(0))
    _, out, _ = run(capsys, data, str(packed), "--grep", "refund", "--json")
    found = [json.loads(row) for row in out.splitlines()]
    assert [(row["file"], row["line"]) for row in found] == [
        (data, 1), (data, 6), (str(packed), 2),
    ]  # fmt: skip


def test_an_array(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"a": "one"}, {"a": "two"}], indent=1))
    assert run(capsys, str(path), "--grep", "two")[:2] == (0, '{"a": "two"}\n')


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--grep", "(a", "--regex"], "character 1"),
        (["--grep", ""], "at least one letter"),
        (["--where", "rle:user"], "did you mean role:"),
        (["--where", "/a/", "--grep", "b"], "twice"),
        (["--regex"], "--grep TEXT"),
        (["--sort"], "file, tokens, messages, issues, size"),
        (["--sort", "length"], "file, tokens, messages, issues, size"),
        (["--grep", "a", "--count", "-o", "x"], "leave out"),
        (["--where", "role:user", "--provider", "nobody"], "no provider"),
    ],
)
def test_wrong_usage(
    data: str, capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    code, out, err = run(capsys, data, *argv)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "missing.jsonl", "--grep", "a")
    assert code == 2
    assert "does not exist" in err


def command(*argv: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*TUNEDECK, "select", *argv], capture_output=True, timeout=60, check=False, **more
    )


@pytest.mark.e2e
def test_bytes_go_through_a_pipe_unchanged() -> None:
    rows = b'{"a": "\\u00e9 one \x1b[31m\xff"}\r\n{"b": 2}\n{"c": "one"}'
    done = command("-", "--grep", "one", input=rows)
    assert done.returncode == 0
    assert done.stdout == b'{"a": "\\u00e9 one \x1b[31m\xff"}\r\n{"c": "one"}\n'


@pytest.mark.e2e
def test_a_reader_that_goes_away(data: str, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text((LINES[0] + "\n") * 20_000)
    with subprocess.Popen(
        [*TUNEDECK, "select", str(path), "--grep", "refund"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@pytest.mark.e2e
def test_a_terminal_gets_nothing_that_moves_it(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"a": "one \x1b]0;title\x07 \x9b31m end"}\n')
    argv = [*TUNEDECK, "select", str(path), "--grep", "one"]
    with Terminal(argv, env={"TUNEDECK_HOME": str(home)}) as terminal:
        terminal.wait_for("end")
        assert b"\x1b]0;" not in terminal.sent
        assert b"\xc2\x9b" not in terminal.sent


@pytest.mark.e2e
def test_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"a": "' + "a" * 5000 + '"}\n')
    argv = [*TUNEDECK, "select", str(path), "--grep", "(a+)+b", "--regex"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        me = psutil.Process(process.pid)
        while not me.children():
            assert process.poll() is None
        children = me.children()
        process.send_signal(2)
        assert process.wait(60) == 130
    assert psutil.wait_procs(children, timeout=30)[1] == []
