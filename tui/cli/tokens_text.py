"""What ``stats`` and ``cost`` print for a person: tables, and histograms a line a bin."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.cli.output import say
from widgets.numbers import integer, percent, size, usd
from widgets.plain import bars
from widgets.plain import table as table_lines
from widgets.text import ascii_only, clean, ellipsis_mark

if TYPE_CHECKING:
    from tui.pricing import CostRow
    from tui.tokens import Distribution, TokenTable

_TITLES = {
    "tokens_per_example": "Tokens an example",
    "messages_per_example": "Messages an example",
    "assistant_tokens_per_example": "Assistant tokens an example",
}
_COLUMNS = ("min", "p10", "p50", "p90", "p99", "max", "mean")
_BINS = 12
_WIDEST = 80
# The table of prices leaves its last columns out where it would not fit.
_ROOMY, _NARROW_COLUMNS = 98, 6


_MOST_NAMED = 4


def check_words(files: Sequence[str]) -> str:
    """Return the command that shows what is wrong with files, cleaned."""
    if "-" in files:
        return "'tunedeck check -' of the same text"
    if len(files) > _MOST_NAMED:
        return "'tunedeck check' and the same files"
    names = (f'"{name}"' if " " in name else name for name in map(clean, files))
    return f"'tunedeck check {' '.join(names)}'"


def file_words(name: str) -> str:
    """Return what a file is called for a person, cleaned."""
    return "standard input" if name == "-" else clean(name)


def print_stats(answer: dict[str, Any], table: TokenTable, files: Sequence[str]) -> None:
    """Print distributions as a table and as bars.

    Args:
        answer: What ``stats --json`` prints.
        table: The counts it was made from.
        files: The files that were counted.
    """
    from tui.tokens import distribution
    from tui.tokens.stats import DISTRIBUTIONS

    _say_head(answer, files)
    _say_totals(answer, table)
    if not len(table):
        return
    shown = {
        name: distribution(getattr(table, column), bins=_BINS)
        for name, column in DISTRIBUTIONS.items()
    }
    say()
    lines = table_lines(
        ("", *("median" if name == "p50" else name for name in _COLUMNS)),
        [
            (_TITLES[name], *(_number(getattr(spread, column)) for column in _COLUMNS))
            for name, spread in shown.items()
        ],
        align="l" + "r" * len(_COLUMNS),
    )
    width = max(40, min(_WIDEST, _columns()))
    for name, spread in shown.items():
        lines += ["", _TITLES[name], *histogram_lines(spread, width)]
    for line in lines:
        say(line)
    say()
    _say_roles(answer)


def print_cost(answer: dict[str, Any], rows: Sequence[CostRow], files: Sequence[str]) -> None:
    """Print prices as a table, then what is to be known before paying.

    Args:
        answer: What ``cost --json`` prints.
        rows: The rows it was made from.
        files: The files that were counted.
    """
    _say_head(answer, files)
    if not answer["examples"]:
        return
    say()
    heads = ("model", "epochs", "", "billed tokens", "price", "shuts down", "provider", "a million")
    cells = [
        (
            row.model,
            str(row.epochs),
            "auto" if row.epochs_source == "heuristic" else "",
            integer(row.tokens_billed),
            _price(row),
            row.shutdown_date or "-",
            row.provider,
            "-" if row.usd_per_million is None else f"${row.usd_per_million:,.2f}",
        )
        for row in rows
    ]
    shown = len(heads) if _columns() >= _ROOMY else _NARROW_COLUMNS
    for line in table_lines(heads[:shown], [row[:shown] for row in cells], align="lrlrrrlr"):
        say(line)
    notes = list(dict.fromkeys([*_row_notes(rows), *_openai_note(rows), *_date_note(rows)]))
    if notes:
        say()
    for text in notes:
        say(text)


def histogram_lines(spread: Distribution, width: int) -> list[str]:
    """Return a distribution of whole numbers as bars, a line a bin; empty bins are left out.

    Args:
        spread: The distribution, with its bins.
        width: Cells in a line.
    """
    dash = "-" if ascii_only() else "–"
    filled = [index for index, count in enumerate(spread.counts) if count]
    labels = []
    for index in filled:
        low, last = spread.edges[index], spread.edges[index + 1] - 1
        labels.append(integer(low) if low == last else f"{integer(low)} {dash} {integer(last)}")
    drawn = bars(labels, [spread.counts[index] for index in filled], width=width)
    lines: list[str] = []
    for index, line in zip(filled, drawn, strict=True):
        if index and not spread.counts[index - 1]:
            lines.append(f"{ellipsis_mark():>{max(map(len, labels))}}")
        lines.append(line)
    return lines


def _say_head(answer: dict[str, Any], files: Sequence[str]) -> None:
    name, left_out = file_words(answer["file"]), answer["left_out"]
    records = _many(answer["records"], "record")
    say(f"{name}: {answer['format']}, {records}, {size(answer['bytes'])}")
    if left_out:
        verb = "is" if left_out == 1 else "are"
        say(
            f"{_many(left_out, 'record')} cannot be counted and {verb} left out, "
            f"{_many(answer['examples'], 'example')} counted: see {check_words(files)}"
        )
    elif answer["errors"]:
        say(f"{_many(answer['errors'], 'format error')}: see {check_words(files)}")


def _say_totals(answer: dict[str, Any], table: TokenTable) -> None:
    exact = "some counts are estimates" if answer["approximate"] else "exact"
    total, trained = table.classic.sum(), answer["trained_tokens_total"]
    say(f"{integer(total)} tokens, {integer(trained)} of them trained ({percent(trained, total)})")
    say(f"counted with {clean(answer['encoding'])} for {clean(answer['model'], 60)}, {exact}")
    limit, over = answer["context_limit"], answer["over_limit"]
    if limit is None:
        say("how many tokens the model takes in an example is not known")
    elif over:
        verb = "example is" if over == 1 else "examples are"
        say(f"{integer(over)} {verb} over the limit of {integer(limit)} tokens and will be cut")
    else:
        say(f"no example is over the limit of {integer(limit)} tokens")


def _say_roles(answer: dict[str, Any]) -> None:
    ordered = sorted(answer["roles"].items(), key=lambda item: -item[1])
    said = ", ".join(f"{clean(role, 24)} {integer(count)}" for role, count in ordered)
    say(f"Messages by role: {said or 'none'}")
    for role in ("system", "user"):
        if missing := answer[f"missing_{role}"]:
            say(f"Examples without a {role} message: {integer(missing)}")


def _row_notes(rows: Sequence[CostRow]) -> list[str]:
    """Return the rows' notes, each under its model's name unless all rows share it."""
    lines = []
    for row in rows:
        for text in row.notes:
            shared = all(text in other.notes for other in rows)
            about = "" if shared or text.startswith(row.model) else f"{clean(row.model, 40)}: "
            lines.append(f"{about}{clean(text)}")
    return lines


def _openai_note(rows: Sequence[CostRow]) -> list[str]:
    """Return what OpenAI's price list does not say: who may still train there."""
    from tui.pricing import model_info

    offers = [model_info(row.model).offer("openai") for row in rows if row.provider == "openai"]
    ends = [offer.new_jobs_end for offer in offers if offer is not None and offer.new_jobs_end]
    if not any(row.trainable for row in rows if row.provider == "openai") or not ends:
        return []
    return [
        f"OpenAI takes new jobs until {max(ends)}, only from organisations that used a tuned "
        "model lately."
    ]


def _date_note(rows: Sequence[CostRow]) -> list[str]:
    dates = sorted({row.prices_as_of for row in rows if row.prices_as_of and row.usd})
    return [f"Prices as of {', '.join(dates)}, without taxes."] if dates else []


def _price(row: CostRow) -> str:
    if row.usd is None:
        return "unknown"
    return "free" if row.usd_per_million == 0 else usd(row.usd)


def _number(value: float | None) -> str:
    if value is None or value == int(value):
        return integer(value)
    return f"{value:,.1f}"


def _many(count: int, noun: str) -> str:
    return f"{integer(count)} {noun}" if count == 1 else f"{integer(count)} {noun}s"


def _columns() -> int:
    return shutil.get_terminal_size((80, 24)).columns
