"""``tunedeck stats`` and ``tunedeck cost``: what a dataset holds, and what training on it costs."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tui.cli.output import emit_json, note, say
from tui.errors import UsageError

if TYPE_CHECKING:
    from tui.dataset import CheckReport, ScanResult, ScanUpdate, Source
    from tui.pricing import CostRow, ModelInfo
    from tui.tokens import Distribution, TokenTable

DEFAULT_MODEL = "gpt-4.1-mini"

_TITLES = {
    "tokens_per_example": "Tokens an example",
    "messages_per_example": "Messages an example",
    "assistant_tokens_per_example": "Assistant tokens an example",
}
_COLUMNS = ("min", "p10", "p50", "p90", "p99", "max", "mean")
_PEOPLES_BINS = 12
_MOST_BAR = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"


def add_parsers(sub: Any) -> None:
    """Add ``stats`` and ``cost``."""
    parser = sub.add_parser(
        "stats",
        help="token, message and role distributions",
        description="Count a dataset's tokens, messages and roles. Nothing leaves this machine.",
        allow_abbrev=False,
    )
    _file_argument(parser)
    parser.add_argument(
        "--model", metavar="M", help=f"whose encoding and limit apply (default {DEFAULT_MODEL})"
    )
    parser.add_argument(
        "--encoding", metavar="E", help="count with this encoding, such as cl100k_base"
    )
    _output_arguments(parser)
    parser.set_defaults(handler=stats)

    parser = sub.add_parser(
        "cost",
        help="billed tokens and price, a row a model",
        description=(
            "Price training on a dataset, by the formula providers bill by. Without --model it"
            " gives a row for each model that can be trained today."
        ),
        allow_abbrev=False,
    )
    _file_argument(parser)
    parser.add_argument(
        "--model", metavar="M", action="append", default=[], help="price this one; may be repeated"
    )
    parser.add_argument("--provider", metavar="P", help="whose prices and dates apply")
    parser.add_argument("--epochs", metavar="N", type=int, help="1 to 50 (default: public rule)")
    parser.add_argument("--validation", metavar="FILE", help="the validation file, to check it too")
    _output_arguments(parser)
    parser.set_defaults(handler=cost)


def _file_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a dataset, or - for standard input")


def _output_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII only")
    parser.add_argument("--json", action="store_true", help="print JSON")


# --- stats ------------------------------------------------------------------------------------


def stats(args: argparse.Namespace) -> int:
    """Print the distributions of one file; 1 where it holds no example at all."""
    from tui.dataset import Source
    from tui.pricing import model_info
    from tui.tokens import TokenTable, stats_json

    model = args.model or DEFAULT_MODEL
    info = model_info(model)
    encoding = args.encoding or info.encoding
    _check_encoding(encoding)
    with Source.open(args.file) as source:
        result = _scan(source, encoding, model)
    table = result.table or TokenTable.empty()
    answer = stats_json(
        _head(result.report),
        table,
        encoding=encoding,
        model=model,
        context_limit=info.context_limit,
        approximate=info.approximate and not args.encoding,
    )
    if args.json:
        emit_json(answer)
    else:
        _choose_ascii()
        _print_stats(answer, table)
    return _verdict(result.report, table)


def _print_stats(answer: dict[str, Any], table: TokenTable) -> None:
    from tui.tokens import distribution
    from tui.tokens.stats import DISTRIBUTIONS
    from widgets.numbers import integer, percent

    _say_head(answer)
    exact = "some counts are estimates" if answer["approximate"] else "exact"
    total, trained = int(table.classic.sum()), answer["trained_tokens_total"]
    say(f"{integer(total)} tokens, {integer(trained)} of them trained ({percent(trained, total)})")
    say(f"counted with {_clean(answer['encoding'])} for {_clean(answer['model'])}, {exact}")
    limit, over = answer["context_limit"], answer["over_limit"]
    if limit is None:
        say("how many tokens the model takes in an example is not known")
    elif over:
        verb = "example is" if over == 1 else "examples are"
        say(f"{integer(over)} {verb} over the limit of {integer(limit)} tokens and will be cut")
    else:
        say(f"no example is over the limit of {integer(limit)} tokens")
    if not len(table):
        return
    shown = {
        name: distribution(getattr(table, column), bins=_PEOPLES_BINS)
        for name, column in DISTRIBUTIONS.items()
    }
    say()
    _say_table(
        ("", *("median" if name == "p50" else name for name in _COLUMNS)),
        [
            (_TITLES[name], *(_number(getattr(spread, column)) for column in _COLUMNS))
            for name, spread in shown.items()
        ],
    )
    for name, spread in shown.items():
        say()
        say(_TITLES[name])
        for line in histogram_lines(spread, _width()):
            say(line)
    say()
    _say_roles(answer)


def _say_roles(answer: dict[str, Any]) -> None:
    from widgets.numbers import integer

    ordered = sorted(answer["roles"].items(), key=lambda item: -item[1])
    said = ", ".join(f"{_clean(role, 24)} {integer(count)}" for role, count in ordered)
    say(f"Messages by role: {said or 'none'}")
    for role in ("system", "user"):
        missing = answer[f"missing_{role}"]
        if missing:
            say(f"Examples without a {role} message: {integer(missing)}")


def histogram_lines(spread: Distribution, width: int) -> list[str]:
    """Return a distribution as bars, a line a bin; a run of empty bins becomes one line.

    Args:
        spread: The distribution, with its bins.
        width: Cells in a line.
    """
    from widgets.numbers import integer
    from widgets.text import ellipsis_mark

    dash = _dash()
    labels = []
    for low, high in zip(spread.edges, spread.edges[1:], strict=False):
        single = high - low == 1
        labels.append(integer(low) if single else f"{integer(low)} {dash} {integer(high - 1)}")
    wide = max((len(label) for label in labels), default=0)
    most = max(spread.counts, default=0)
    room = max(8, min(_MOST_BAR, width - wide - len(integer(most)) - 5))
    lines, skipped = [], False
    for index, (label, count) in enumerate(zip(labels, spread.counts, strict=True)):
        neighbours = spread.counts[max(0, index - 1) : index + 2]
        if not any(neighbours):
            if not skipped:
                lines.append(f"  {ellipsis_mark():>{wide}}")
            skipped = True
            continue
        skipped = False
        lines.append(f"  {label:>{wide}} {_bar(count / most * room)} {integer(count)}")
    return lines


def _bar(cells: float) -> str:
    """Return a bar this long; anything above nothing shows at least a sliver."""
    if cells <= 0:
        return ""
    if _ascii():
        return "#" * max(1, round(cells))
    eighths = max(1, round(cells * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _number(value: float | None) -> str:
    from widgets.numbers import integer

    if value is None or value == int(value):
        return integer(value)
    return f"{value:,.1f}"


# --- cost -------------------------------------------------------------------------------------


def cost(args: argparse.Namespace) -> int:
    """Print what training costs; 1 where the file holds no example at all."""
    from tui.dataset import Source
    from tui.pricing import check_epochs, estimate, load_prices

    if args.epochs is not None:
        check_epochs(args.epochs)
    prices = load_prices()
    models = _models(args, prices.models_at)
    validation = None if args.validation is None else _validation(args.validation)
    with Source.open(args.file) as source:
        report, tables = _count_each(source, dict.fromkeys(info.encoding for _, info in models))
    rows = [
        estimate(
            tables[info.encoding],
            name,
            provider=args.provider,
            epochs=args.epochs,
            prices=prices,
            validation=validation is not None,
        )
        for name, info in models
    ]
    table = tables[models[0][1].encoding]
    answer = {
        **_head(report),
        "examples": len(table),
        "left_out": max(0, report.records - len(table)),
        "approximate": any(row.approximate for row in rows),
        "tokens_billable_per_epoch": rows[0].tokens_per_epoch,
        "validation": validation,
        "rows": [
            {**row.to_json(), "requested": name}
            for row, (name, _) in zip(rows, models, strict=True)
        ],
    }
    if args.json:
        emit_json(answer)
    else:
        _choose_ascii()
        _print_cost(answer, rows)
    return _verdict(report, table)


def _models(args: argparse.Namespace, priced: Any) -> list[tuple[str, ModelInfo]]:
    """Return the models to price, each under the name it was asked for."""
    from tui.pricing import model_info, trainable_models

    names = list(args.model)
    if any(not name.strip() for name in names):
        raise UsageError("--model is empty", "name a model, such as gpt-4.1-mini")
    if not names:
        names = [info.id for info in trainable_models(args.provider)]
        if args.provider:
            names += [name for name in priced(args.provider) if not model_info(name).known]
    if not names:
        raise UsageError(
            f"no model of {args.provider!r} is known", "name one with --model, or add its prices"
        )
    return [(name, model_info(name)) for name in dict.fromkeys(names)]


def _count_each(
    source: Source, encodings: Iterable[str]
) -> tuple[CheckReport, dict[str, TokenTable]]:
    """Count the file once with each encoding."""
    from tui.tokens import TokenTable

    report: CheckReport | None = None
    tables = {}
    for encoding in encodings:
        result = _scan(source, encoding, None)
        report = report or result.report
        tables[encoding] = result.table or TokenTable.empty()
    if report is None:
        raise UsageError("no model was named", "name one with --model")
    return report, tables


def _validation(path: str) -> dict[str, Any]:
    """Check the validation file and return what is to be told of it."""
    from tui.dataset import Source

    with Source.open(path) as source:
        report = _scan(source, None, None).report
    if report.errors:
        note(f"{report.file} has {_many(report.errors, 'error')}: see 'tunedeck check'")
    keys = ("file", "records", "valid", "errors", "warnings")
    return {key: value for key, value in _head(report).items() if key in keys}


def _print_cost(answer: dict[str, Any], rows: Sequence[CostRow]) -> None:
    from widgets.numbers import integer, usd

    _say_head(answer)
    say()
    lines = [
        (
            _clean(row.provider, 12),
            _clean(row.model, 40),
            str(row.epochs) + (" auto" if row.epochs_source == "heuristic" else ""),
            integer(row.tokens_billed),
            "unknown" if row.usd_per_million is None else f"${row.usd_per_million:,.2f}",
            _total(row.usd, usd),
            row.shutdown_date or "-",
        )
        for row in rows
    ]
    _say_table(
        ("provider", "model", "epochs", "billed tokens", "a million", "price", "shuts down"),
        lines,
        texts=2,
    )
    say()
    for row in rows:
        for text in row.notes:
            say(f"{_clean(row.model, 40)}: {_clean(text)}")
    if any(row.provider == "openai" and row.trainable for row in rows):
        say(
            "OpenAI takes new jobs only from organisations with a recent use of a tuned model,"
            " and from nobody after the date in 'tunedeck models'."
        )
    dates = sorted({row.prices_as_of for row in rows if row.prices_as_of and row.usd})
    if dates:
        say(f"Prices as of {', '.join(dates)}; taxes are not in them.")


def _total(value: float | None, usd: Any) -> str:
    if value is None:
        return "unknown"
    return "free" if value == 0 else str(usd(value))


# --- shared -----------------------------------------------------------------------------------


def _scan(source: Source, encoding: str | None, model: str | None) -> ScanResult:
    from tui.dataset import Scan

    scan = Scan(source, encoding=encoding, model=model, max_issues=0)
    with _Progress() as progress:
        return scan.run(progress.update)


class _Progress:
    """How far a count has come, on stderr, where a person is watching and it takes a while."""

    def __init__(self) -> None:
        self._on = sys.stderr is not None and sys.stderr.isatty()
        self._shown = False

    def __enter__(self) -> _Progress:
        return self

    def update(self, update: ScanUpdate) -> None:
        """Draw the share that is done over the one before."""
        if self._on and 0 < update.bytes_done < update.bytes_total:
            share = 100 * update.bytes_done // update.bytes_total
            sys.stderr.write(f"\rcounting {share:3d} %")
            sys.stderr.flush()
            self._shown = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            sys.stderr.write("\r               \r")
            sys.stderr.flush()


def _head(report: CheckReport) -> dict[str, Any]:
    """Return the head of ``check --json``: all of it but the issues themselves."""
    return {
        "file": report.file,
        "bytes": report.bytes,
        "format": str(report.format),
        "records": report.records,
        "blank_lines": report.blank_lines,
        "valid": report.valid,
        "errors": report.errors,
        "warnings": report.warnings,
        "advice": report.advice,
        "counts": dict(report.counts),
    }


def _say_head(answer: dict[str, Any]) -> None:
    from widgets.numbers import integer, size

    name = _clean(answer["file"])
    say(
        f"{name}: {answer['format']}, {_many(answer['records'], 'record')}, {size(answer['bytes'])}"
    )
    if answer["left_out"]:
        verb = "is" if answer["left_out"] == 1 else "are"
        say(
            f"{_many(answer['left_out'], 'record')} cannot be counted and {verb} left out: "
            f"see 'tunedeck check {name}'"
        )
    elif answer["errors"]:
        say(f"{_many(answer['errors'], 'format error')}: see 'tunedeck check {name}'")
    if answer["left_out"]:
        say(f"{_many(answer['examples'], 'example')} counted of {integer(answer['records'])}")


def _say_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> None:
    """Print columns, the first ``texts`` of them aligned left and the others right."""
    from widgets.text import cell_width, pad

    widths = [max(cell_width(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    for row in (heads, *rows):
        cells = (
            pad(cell, width, align="left" if i < texts else "right")
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        say("  ".join(cells).rstrip())


def _verdict(report: CheckReport, table: TokenTable) -> int:
    if len(table):
        return 0
    note(f"{report.file} holds no example: see 'tunedeck check {report.file}'")
    return 1


def _check_encoding(name: str) -> None:
    from tui.tokens import encoding_names, get_encoding

    if name not in encoding_names():
        get_encoding(name)  # raises, and names those there are


def _many(count: int, noun: str) -> str:
    from widgets.numbers import integer

    return f"{integer(count)} {noun}" if count == 1 else f"{integer(count)} {noun}s"


def _clean(text: str, limit: int | None = None) -> str:
    from widgets.text import clean

    return clean(str(text), limit)


def _choose_ascii() -> None:
    from widgets.text import use_ascii

    encoding = (sys.stdout.encoding or "utf-8").lower().replace("-", "")
    wanted = os.environ.get("TUNEDECK_ASCII", "") not in ("", "0")
    use_ascii(wanted or not encoding.startswith("utf"))


def _ascii() -> bool:
    from widgets.text import ascii_only

    return ascii_only()


def _dash() -> str:
    return "-" if _ascii() else "–"


def _width() -> int:
    return max(40, shutil.get_terminal_size((80, 24)).columns)
