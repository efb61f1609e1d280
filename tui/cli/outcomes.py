"""What came of a job: ``tunedeck results`` and ``tunedeck checkpoints``."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.cli.output import emit_json, note, say
from tui.cli.session import Session, add_common, find_job, run, session
from tui.cli.table import print_table
from widgets.text import cell_width, clean, fit

if TYPE_CHECKING:
    from tui.jobs import Bill, BilledRatio, Checkpoint, Job, ResultsTable

_LONGEST_HEAD = 32
_LONGEST_CELL = 40
_GAP = 2


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``results`` and ``checkpoints``."""
    parser = sub.add_parser(
        "results",
        help="the step metrics of a finished job",
        description="The step metrics of a finished job, decoded, whatever names its columns have."
        " On a terminal only the columns that fit are shown, the main ones first;"
        " a pipe, --json and -o have them all.",
    )
    parser.add_argument("job", metavar="JOB")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the CSV here")
    parser.add_argument("--plot", action="store_true", help="draw the losses, and say their course")
    parser.add_argument(
        "--words", action="store_true", help="the course in words alone, for screen readers"
    )
    parser.set_defaults(handler=results)
    add_common(parser)

    parser = sub.add_parser("checkpoints", help="the checkpoints of a job, with their metrics")
    parser.add_argument("job", metavar="JOB")
    parser.set_defaults(handler=checkpoints)
    add_common(parser)


# --- results ------------------------------------------------------------------------------------


def results(args: argparse.Namespace) -> int:
    """Show, draw or save the step metrics of a finished job."""
    return run(_results(args))


async def _results(args: argparse.Namespace) -> int:
    from tui.jobs import fetch_results, results_of_events

    file_id: str | None = None
    async with session(args, job=args.job) as opened:
        job = await opened.provider.retrieve(await find_job(opened, args.job))
        opened.ledger.keep_jobs(opened.provider.endpoint, [job])
        if job.result_files or not job.terminal:
            file_id, table = await fetch_results(opened.provider, job)
        else:
            note(f"{job.id} ended {job.status} and left no results file; these are its events")
            table = await results_of_events(opened.provider, opened.ledger, job)
        bill, ratio = await _bill(opened, job)
    if args.output is not None:
        _write(args.output, table.text)
        note(f"wrote {len(table.rows)} rows to {args.output}")
    if args.json:
        emit_json(
            {
                "job": job.id,
                "file_id": file_id,
                "columns": list(table.columns),
                "names": table.names(),
                "rows": table.records(),
                "billed": _bill_json(bill, ratio),
            }
        )
        return 0
    if args.plot or args.words:
        _plot(table, drawn=not args.words)
    elif args.output is None:
        _print_results(table)
    _tell_bill(opened.config.name, bill, ratio)
    return 0


async def _bill(opened: Session, job: Job) -> tuple[Bill | None, BilledRatio | None]:
    """Return what the job billed, and how this provider's bills compared to the estimates."""
    endpoint, profile = opened.provider.endpoint, opened.config.profile
    known = opened.ledger.bill(endpoint, job.id)
    if known is None and job.status == "succeeded" and profile == "azure":
        # Its bill is told by an event, which nobody may have looked at yet.
        from tui.jobs import Watcher

        async for _ in Watcher(job.id, opened.provider, opened.ledger).updates():
            pass
    bill = opened.ledger.keep_bill(endpoint, job, profile)
    opened.ledger.keep_bills(endpoint, profile)
    return bill, opened.ledger.billed_ratio(endpoint)


def _bill_json(bill: Bill | None, ratio: BilledRatio | None) -> dict[str, Any] | None:
    if bill is None and ratio is None:
        return None
    return {
        "estimated": bill.estimated if bill else None,
        "billed": bill.billed if bill else None,
        "rounded": bill.rounded if bill else None,
        "approximate": bill.approximate if bill else None,
        "ratio": bill.ratio if bill else None,
        "provider_ratio": ratio.ratio if ratio else None,
        "provider_runs": ratio.runs if ratio else 0,
    }


def _tell_bill(provider: str, bill: Bill | None, ratio: BilledRatio | None) -> None:
    if bill is not None:
        thousands = ", told in whole thousands" if bill.rounded else ""
        how = "as estimated" if bill.agrees else f"{bill.ratio:.2f}x of the {bill.estimated:,}"
        how += "" if bill.agrees else " estimated"
        note(f"billed: {bill.billed:,} tokens{thousands}, {how}")
    if ratio is not None:
        note(ratio.words(provider))


def _print_results(table: ResultsTable) -> None:
    def shown(value: float | str | None) -> str:
        if value is None:
            return ""
        return f"{value:.6g}" if isinstance(value, float) else clean(value, _LONGEST_CELL)

    rows = [tuple(shown(value) for value in row) for row in table.rows]
    head = tuple(fit(clean(name), _LONGEST_HEAD) for name in table.columns)
    chosen = list(range(len(head)))
    if sys.stdout.isatty():
        filled = [at for at in chosen if any(row[at] for row in rows)] or chosen
        chosen = _fitting(table, head, rows, filled, shutil.get_terminal_size().columns)
        if len(chosen) < len(head):
            note(
                f"{len(chosen)} of {len(head)} columns are shown, the others are empty or do not"
                " fit: --json and -o FILE have them all"
            )
    print_table([tuple(row[at] for at in chosen) for row in (head, *rows)])


def _fitting(
    table: ResultsTable,
    head: Sequence[str],
    rows: Sequence[tuple[str, ...]],
    columns: Sequence[int],
    room: int,
) -> list[int]:
    """Return as many columns as fit, taken by their weight, in the order of the file."""
    from tui.jobs import MAIN_METRICS, common_name

    order = ("step", *MAIN_METRICS)
    names = [common_name(name) for name in table.columns]

    def weight(at: int) -> tuple[int, int]:
        return (order.index(names[at]) if names[at] in order else len(order), at)

    taken: list[int] = []
    for at in sorted(columns, key=weight):
        width = max(map(cell_width, (head[at], *(row[at] for row in rows)))) + _GAP
        if width <= room + _GAP or not taken:
            room -= width
            taken.append(at)
    return sorted(taken)


def _plot(table: ResultsTable, *, drawn: bool) -> None:
    from tui.cli.plot import table_plot, table_words

    say(clean(table_words(table)))
    for line in table_plot(table) if drawn else ():
        say(line)


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all; an older one of that name is replaced."""
    from tui.dataset import NewFile

    with NewFile(path, force=True) as file:
        file.write(text.encode("utf-8", "replace"))
        file.commit()


# --- checkpoints --------------------------------------------------------------------------------


def checkpoints(args: argparse.Namespace) -> int:
    """List the checkpoints that a provider kept of a job."""
    return run(_checkpoints(args))


async def _checkpoints(args: argparse.Namespace) -> int:
    from tui.jobs import best_checkpoint, sorted_checkpoints

    async with session(args, job=args.job) as opened:
        job_id = await find_job(opened, args.job)
        found = sorted_checkpoints(await opened.provider.checkpoints(job_id))
    best = best_checkpoint(found)
    if args.json:
        emit_json(
            {
                "job": job_id,
                "checkpoints": [
                    {
                        "id": one.id,
                        "step": one.step,
                        "model": one.model,
                        "created_at": one.created_at,
                        "metrics": dict(one.metrics),
                        "best": best is not None and one.id == best[0].id,
                    }
                    for one in found
                ],
                "best_by": best[1] if best else None,
            }
        )
        return 0
    if not found:
        say("No checkpoint was kept of this job (most providers list them when it has succeeded).")
        return 0
    _print_checkpoints(found, best)
    return 0


def _print_checkpoints(found: Sequence[Checkpoint], best: tuple[Checkpoint, str] | None) -> None:
    from tui.jobs import MAIN_METRICS

    names = [name for name in MAIN_METRICS if any(name in one.metrics for one in found)]
    rows = [("", "STEP", "MADE", *(name.replace("mean_", "") for name in names), "MODEL")]
    for one in found:
        values = [one.metrics.get(name) for name in names]
        made = (
            ""
            if one.created_at is None
            else time.strftime("%Y-%m-%d %H:%M", time.localtime(one.created_at))
        )
        rows.append(
            (
                "*" if best is not None and one.id == best[0].id else "",
                "" if one.step is None else str(one.step),
                made,
                *("" if value is None else f"{value:.4g}" for value in values),
                clean(one.model or one.id),
            )
        )
    print_table(rows)
    if best is not None:
        note(f"* is the best by {best[1]}")
