"""``tunedeck stats`` and ``tunedeck cost``: what a dataset holds, and what training on it costs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tui.cli.output import emit_json, note
from tui.errors import UsageError

if TYPE_CHECKING:
    from tui.dataset import CheckReport, ScanResult, ScanUpdate, Source
    from tui.pricing import ModelInfo
    from tui.tokens import TokenTable

DEFAULT_MODEL = "gpt-4.1-mini"

# How examples of each format are trained on.
_METHODS = {"chat": "supervised", "preference": "dpo", "reinforcement": "reinforcement"}


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
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a dataset, or - for standard input; several are taken as one dataset",
    )


def _output_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


# --- stats ------------------------------------------------------------------------------------


def stats(args: argparse.Namespace) -> int:
    """Print the distributions of one file; 1 where it holds no example at all."""
    from tui.dataset import open_all
    from tui.pricing import model_info

    model = args.model or DEFAULT_MODEL
    info = model_info(model)
    encoding = args.encoding or info.encoding
    _check_encoding(encoding)
    with open_all(args.files) as source:
        result = _scan(source, encoding, model)
    # Only now: it loads numpy, and the workers may as well start meanwhile.
    from tui.tokens import TokenTable, stats_json

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
        from tui.cli.tokens_text import print_stats

        print_stats(answer, table, args.files)
    return _verdict(result.report, table, args.files)


# --- cost -------------------------------------------------------------------------------------


def cost(args: argparse.Namespace) -> int:
    """Print what training costs; 1 where the file holds no example at all."""
    from tui.dataset import open_all
    from tui.pricing import check_epochs, estimate, load_prices

    if args.epochs is not None:
        check_epochs(args.epochs)
    prices = load_prices()
    models = _models(args, prices.models_at)
    validation = None if args.validation is None else _validation(args.validation)
    with open_all(args.files) as source:
        report, tables = _count_each(source, dict.fromkeys(info.encoding for _, info in models))
    rows = [
        estimate(
            tables[info.encoding],
            name,
            provider=args.provider,
            epochs=args.epochs,
            prices=prices,
            validation=validation is not None,
            method=_METHODS.get(str(report.format)),
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
        from tui.cli.bills import tell_past_bills
        from tui.cli.tokens_text import print_cost

        print_cost(answer, rows, args.files)
        tell_past_bills({row.provider for row in rows})
    return _verdict(report, table, args.files)


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
        errors = "1 error" if report.errors == 1 else f"{report.errors:,} errors"
        note(f"{report.file} has {errors}: see 'tunedeck check {report.file}'")
    keys = ("file", "records", "valid", "errors", "warnings")
    return {key: value for key, value in _head(report).items() if key in keys}


# --- shared -----------------------------------------------------------------------------------


def _scan(source: Source, encoding: str | None, model: str | None) -> ScanResult:
    from tui.dataset import Scan

    # What examples teach is for 'check' to judge: here it would take longer than the counting.
    scan = Scan(source, encoding=encoding, model=model, max_issues=0, quality=False)
    with _Progress() as progress:
        result = scan.run(progress.update)
    if result.notice:
        note(result.notice)
    return result


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

    def __exit__(self, *_: object) -> None:
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


def _verdict(report: CheckReport, table: TokenTable, files: Sequence[str]) -> int:
    from tui.cli.tokens_text import check_words, file_words

    if len(table):
        return 0
    verb = "holds" if len(files) == 1 else "hold"
    note(f"{file_words(report.file)} {verb} no example: see {check_words(files)}")
    return 1


def _check_encoding(name: str) -> None:
    from tui.tokens import encoding_names, get_encoding

    if name not in encoding_names():
        get_encoding(name)  # raises, and names those there are
