"""``tunedeck cost``: the billed tokens of public jobs, prices a model, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tui.cli import run

BILLED = Path(__file__).parent.parent / "data" / "billed"
NOREC = str(BILLED / "qtran_norec.jsonl")
TOY = str(BILLED / "cookbook_toy_chat_fine_tuning.jsonl")
KEYS = [
    "provider",
    "model",
    "epochs",
    "epochs_source",
    "tokens_billed",
    "usd_per_million",
    "usd",
    "prices_as_of",
    "trainable",
    "shutdown_date",
    "notes",
]

pytestmark = pytest.mark.usefixtures("home", "restored")


def cost_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert run(["cost", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("name", "model", "epochs", "given", "billed"),
    [
        ("qtran_norec.jsonl", "gpt-4o-mini-2024-07-18", 3, False, 19956),
        ("qtran_dqe.jsonl", "gpt-4o-mini-2024-07-18", 4, False, 37616),
        (
            "llamaindex_react_finetuning_events_10q.jsonl.gz",
            "ft:gpt-3.5-turbo-0613:me::x",
            3,
            False,
            449481,
        ),
        ("cookbook_drone_training.jsonl.gz", "gpt-3.5-turbo", 3, False, 145983),
        ("mslearn_travel_finetune_hotel.jsonl", "gpt-4o-mini", 10, False, 15670),
        ("azure_clippy_training_set.jsonl", "gpt-4o-mini", 10, True, 4780),
    ],
)
def test_public_bills(
    name: str,
    model: str,
    epochs: int,
    given: bool,
    billed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    extra = ["--epochs", str(epochs)] if given else []
    answer = cost_json(capsys, str(BILLED / name), "--model", model, *extra)
    (row,) = answer["rows"]
    assert row["tokens_billed"] == billed
    assert row["epochs"] == epochs
    assert row["epochs_source"] == ("given" if given else "heuristic")
    assert answer["tokens_billable_per_epoch"] * epochs == billed


def test_every_key_of_the_contract_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = cost_json(capsys, NOREC, "--model", "gpt-4.1-mini")["rows"]
    assert set(row) >= set(KEYS)
    assert row["model"] == "gpt-4.1-mini-2025-04-14"
    assert row["requested"] == "gpt-4.1-mini"
    assert row["usd"] == pytest.approx(19956 * 5 / 1e6)
    assert row["shutdown_date"] == "2027-01-14"


def test_a_row_for_each_trainable_model(capsys: pytest.CaptureFixture[str]) -> None:
    from tui.pricing import trainable_models

    rows = cost_json(capsys, NOREC)["rows"]
    assert [row["model"] for row in rows] == [info.id for info in trainable_models()]
    assert all(row["trainable"] and row["usd"] is not None for row in rows)


def test_several_models_and_encodings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tui.cli.tokens as command

    counted = []
    scan = command._scan
    monkeypatch.setattr(command, "_scan", lambda *given: counted.append(given[1]) or scan(*given))
    names = ["gpt-4o", "gpt-3.5-turbo", "gpt-4.1", "gpt-4o", "mystery", "o4-mini", "micro"]
    words = [word for name in names for word in ("--model", name)]
    rows = cost_json(capsys, NOREC, *words)["rows"]
    assert [row["requested"] for row in rows] == [*dict.fromkeys(names)]
    assert counted == ["o200k_base", "cl100k_base"]
    by_name = {row["requested"]: row for row in rows}
    assert by_name["gpt-4o"]["tokens_billed"] != by_name["gpt-3.5-turbo"]["tokens_billed"]
    assert by_name["mystery"]["usd"] is None
    assert by_name["mystery"]["notes"]
    assert by_name["o4-mini"]["usd"] is None
    assert by_name["micro"]["usd"] == 0
    assert by_name["gpt-3.5-turbo"]["trainable"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/no/such/file"], "does not exist"),
        ([NOREC, "--epochs", "0"], "1 to 50"),
        ([NOREC, "--epochs", "51"], "1 to 50"),
        ([NOREC, "--epochs", "many"], "--epochs"),
        ([NOREC, "--model", " "], "--model is empty"),
        ([NOREC, "--validation", "/no/such/file"], "does not exist"),
        ([NOREC, "--provider", "nowhere"], "nowhere"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert run(["cost", *arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"]


def test_own_prices(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prices = home / "config" / "prices.toml"
    prices.parent.mkdir(parents=True)
    prices.write_text(
        '[openai.models]\n"gpt-4.1-mini" = { training = 50 }\n'
        '[lab]\nas_of = "2026-11-02"\n[lab.models]\n"qwen-8b" = { training = 100 }\n'
    )
    (row,) = cost_json(capsys, NOREC, "--model", "gpt-4.1-mini")["rows"]
    assert row["usd"] == pytest.approx(19956 * 50 / 1e6)
    (row,) = cost_json(capsys, NOREC, "--provider", "lab")["rows"]
    assert (row["provider"], row["model"]) == ("lab", "qwen-8b")
    assert row["prices_as_of"] == "2026-11-02"
    prices.write_text("nonsense")
    assert run(["cost", NOREC]) == 2
    assert "prices.toml" in capsys.readouterr().err


def test_validation_is_checked_and_not_billed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "validation.jsonl"
    bad.write_text("{broken\n")
    assert run(["cost", NOREC, "--model", "gpt-4o", "--validation", str(bad), "--json"]) == 0
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert answer["validation"]["errors"] >= 1
    assert "check" in captured.err
    assert "The validation file is not billed" in answer["rows"][0]["notes"]
    plain = cost_json(capsys, NOREC, "--model", "gpt-4o")
    assert plain["validation"] is None
    assert plain["rows"][0]["usd"] == answer["rows"][0]["usd"]


def test_what_people_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["cost", TOY, "--model", "gpt-4.1-mini", "--model", "o4-mini", "--model", "micro"]) == 0
    )
    text = capsys.readouterr().out
    assert "auto" in text
    assert "free" in text
    assert "by the hour" in text
    assert "Prices as of 2026-09-01" in text
    assert "\x1b" not in text


def test_people_are_told_what_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(Path(NOREC).read_text() + "{broken\n")
    assert run(["cost", str(path), "--model", "gpt-4o-mini"]) == 0
    text = capsys.readouterr().out
    assert "1 record cannot be counted and is left out, 40 examples counted" in text
    assert "19,956" in text


def test_a_file_without_examples_has_no_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("")
    assert run(["cost", str(path)]) == 1
    captured = capsys.readouterr()
    assert "$" not in captured.out
    assert "holds no example" in captured.err


def test_ascii_and_hostile_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "n\x1b[2Jä.jsonl"
    path.write_text(Path(NOREC).read_text())
    assert run(["cost", str(path), "--model", "m\x1b[31mß", "--ascii"]) == 0
    captured = capsys.readouterr()
    assert captured.out.isascii()
    assert "\x1b" not in captured.out + captured.err
