"""``tunedeck compare``: runs side by side, hosted and local."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from typing import TYPE_CHECKING

from tui.cli.output import emit_json, note, say
from tui.cli.session import add_common, run
from tui.errors import UsageError
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.run.compare import Compared

_PLOT_WIDTH = 120
_PLOT_HEIGHT = 17
# What the plain plot can draw so that it is told apart.
_DRAWN = 4
_UNREADABLE, _UNREACHABLE = 2, 3


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``compare``."""
    parser = sub.add_parser("compare", help="runs side by side: jobs, training logs, folders")
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="a job's id, PROVIDER/ID, a training log, a folder of them, or a dataset: every run "
        "that was trained on it",
    )
    parser.add_argument("--last", type=int, metavar="N", help="the newest N jobs too")
    parser.add_argument("--metric", metavar="NAME", help="compare by this one, such as accuracy")
    parser.add_argument(
        "--sort", metavar="COLUMN", help="such as best, train, tokens, epochs; the best first"
    )
    parser.add_argument("--reverse", action="store_true", help="with --sort: the other way round")
    parser.add_argument("--plain", action="store_true", help="print, also on a terminal")
    parser.add_argument("--no-plot", action="store_true", help="words only, for screen readers")
    parser.add_argument("--csv", action="store_true", help="the table as CSV, a row a run")
    parser.add_argument(
        "--points", action="store_true", help="with --csv or --json: every point of every run"
    )
    parser.set_defaults(handler=compare)
    add_common(parser)


def compare(args: argparse.Namespace) -> int:
    """Compare runs: in the application on a terminal, otherwise as a table."""
    from tui.cli.compared import keys_of, load
    from tui.run.compare import LOG

    if args.last is not None and args.last < 1:
        raise UsageError("--last takes a number from 1 on", "such as --last 10")
    if not args.runs and not args.last:
        raise UsageError("no run is named", "give two or more, or --last N")
    if args.csv and args.json:
        raise UsageError("--csv and --json cannot go together", "choose one")
    if args.points and not (args.csv or args.json):
        raise UsageError("--points goes with --csv or --json", "choose one")
    keys = run(keys_of(args))
    if not keys:
        raise UsageError("there is no run yet", "launch one: tunedeck launch FILE --model M")
    printed = args.json or args.csv or args.plain or args.sort or args.metric
    if not printed and sys.stdin.isatty() and sys.stdout.isatty():
        from tui.app import run_app

        return run_app([], provider=args.provider, compare=keys)
    runs = run(load(args, keys))
    now = time.time()
    measure = _measure(args, runs)
    runs = _sorted(args, runs, now, measure)
    _print(args, runs, now, measure)
    lost = [each.key[0] for each in runs if each.trouble]
    return 0 if not lost else _UNREADABLE if set(lost) == {LOG} else _UNREACHABLE


def _measure(args: argparse.Namespace, runs: Sequence[Compared]) -> str:
    """Return the measure that was asked for, by its own name or by that of one of its metrics."""
    from tui.run.compare import measures, usual_measure
    from tui.run.measures import measures_of

    if not args.metric:
        return usual_measure(runs)
    found = measures(runs)
    wanted: str = args.metric.strip()
    if wanted in found or wanted.replace(" ", "_") in found:
        return wanted if wanted in found else wanted.replace(" ", "_")
    for each in runs:
        for measure in measures_of(each.state.metrics):
            if wanted in [part.name for part in measure.parts]:
                return measure.name
    known = ", ".join(found) or "nothing yet"
    raise UsageError(f"no run tells {wanted!r}", f"they tell {known}")


def _sorted(
    args: argparse.Namespace, runs: list[Compared], now: float, measure: str
) -> list[Compared]:
    if not args.sort:
        return runs
    from tui.run.sidebyside import NAME, columns, ordered

    table = columns(runs, now, measure)
    wanted = args.sort.strip().lower()
    # What the numbers are called elsewhere: of several in a run, the best is the one to sort by.
    wanted = {"valid_loss": "best", "train_loss": "train"}.get(wanted, wanted)
    names = {NAME: NAME, "run": NAME}
    for column in table:
        # epochs, n_epochs, hyper.n_epochs: a person may write any of them.
        short = column.key.removeprefix("hyper.")
        names |= dict.fromkeys((column.key, short, column.label.lower()), column.key)
    if wanted not in names:
        known = ", ".join(["name", *(column.key.removeprefix("hyper.") for column in table)])
        raise UsageError(f"there is no column {args.sort!r}", f"there are {known}")
    return ordered(runs, table, names[wanted], backwards=args.reverse)


def _print(args: argparse.Namespace, runs: list[Compared], now: float, measure: str) -> None:
    from tui.run import compare_files

    if args.json:
        found = compare_files.as_json(runs, now, measure)
        if args.points:
            from tui.run.points import metrics_json

            for row, each in zip(found["runs"], runs, strict=True):
                row["metrics"] = metrics_json(each.state)
        emit_json(found)
    elif args.csv:
        from tui.run.points import as_csv

        points = [(each.title, each.state) for each in runs]
        text = as_csv(points) if args.points else compare_files.as_csv(runs, now, measure)
        say(text.rstrip("\n"))
    else:
        _print_table(args, runs, now, measure)


def _print_table(args: argparse.Namespace, runs: list[Compared], now: float, measure: str) -> None:
    from tui.run import sidebyside
    from tui.run.verdict import verdict

    # What goes to a file or a pipe is never cut.
    width = max(60, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
    for line in sidebyside.as_text(runs, sidebyside.columns(runs, now, measure), width=width):
        say(line)
    best = verdict(runs, measure)
    if best:
        say(clean(best))
    if args.no_plot or args.plain:
        from tui.run.trend import trend

        for one in runs:
            say(f"{clean(one.title)}: {clean(trend(one.state))}")
    if not args.no_plot:
        _plot(runs, measure)


def _plot(runs: Sequence[Compared], measure: str) -> None:
    from widgets.plain import plot

    readings = {run.title: (run, run.reading(measure)) for run in runs}
    drawn = {
        title: (run, track)
        for title, (run, reading) in readings.items()
        if (track := reading.train if len(reading.train) else reading.valid).last_finite is not None
    }
    if not drawn:
        return
    width = min(_PLOT_WIDTH, shutil.get_terminal_size().columns)
    first = dict(list(drawn.items())[:_DRAWN])
    total = max(run.state.total_steps or run.state.step for run, _ in first.values()) or None
    lines = {title: (track.steps, track.values) for title, (_, track) in first.items()}
    for line in plot(lines, width=width, height=_PLOT_HEIGHT, total=total):
        say(line)
    if len(drawn) > _DRAWN:
        note(f"the plot shows the first {_DRAWN} of {len(drawn)} runs; the application shows more")
