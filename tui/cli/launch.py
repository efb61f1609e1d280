"""``tunedeck launch``: check, price, confirm, upload, create; at most one job."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from tui.cli.asked import add_arguments, changed_request, check_combination, new_request
from tui.cli.bills import tell_bills_of
from tui.cli.output import confirm, emit_line, is_interactive, note, say
from tui.cli.session import (
    add_common,
    find_job,
    interruptible,
    run,
    session,
    tell_duplicates,
)
from tui.cli.stopping import rules_of
from tui.config import LOCAL, OPENAI, Paths, load_settings
from tui.errors import FileError, SafetyError, UsageError
from widgets.numbers import counted
from widgets.text import clean

if TYPE_CHECKING:
    from tui.cli.session import Session
    from tui.jobs import (
        LaunchRequest,
        LaunchResult,
        LaunchRow,
        LaunchState,
        Ledger,
        Preflight,
    )

_NOTHING = "No job was created; nothing had been sent yet."


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``launch`` command."""
    parser = sub.add_parser("launch", help="check, price, upload and create; at most one job")
    add_arguments(parser)
    parser.set_defaults(handler=launch)
    add_common(parser)


def launch(args: argparse.Namespace) -> int:
    """Launch a job, and follow it when asked to; or see to one that was left open."""
    check_combination(args)
    if args.clear is not None:
        return run(_clear(args))
    if args.resume is not None:
        _choose_provider(args, args.resume)
    job_id, launch_id = run(_launch(args))
    # Only now, as the very last: whoever starts a command again that was killed before it ended
    # has not been told, whatever it printed, and hears of the same job once more.
    _acknowledge(launch_id)
    if not args.watch:
        return 0
    from tui.cli.watch import follow

    return follow(args, job_id)


def _acknowledge(launch_id: str) -> None:
    from tui.jobs import LaunchState

    # The job is there, whether or not this can be written.
    with suppress(FileError), closing(_ledger()) as ledger:
        ledger.advance(launch_id, LaunchState.CREATED)


def _ledger() -> Ledger:
    from tui.jobs import open_ledger

    return open_ledger(Paths.resolve().state)


def _choose_provider(args: argparse.Namespace, text: str) -> None:
    """Go where the launch went that was left open, whatever the default is by now."""
    from tui.jobs import find_launch

    with closing(_ledger()) as ledger:
        found = find_launch(ledger, text)
    if args.resume is not None:
        args.resume = found.id
    else:
        args.clear = found.id
    args.provider = args.provider or found.provider


async def _clear(args: argparse.Namespace) -> int:
    from tui.jobs import clear_launch, find_launch

    asked = args.provider
    _choose_provider(args, args.clear)
    if not _is_configured(args.provider):
        with closing(_ledger()) as ledger:
            return _clear_unasked(args, ledger, find_launch(ledger, args.clear))
    async with session(args, strict=True) as opened:
        found = find_launch(opened.ledger, args.clear)
        if found.endpoint != opened.provider.endpoint:
            if asked:
                raise _elsewhere(found, opened)
            return _clear_unasked(args, opened.ledger, found)
        words = await clear_launch(opened.provider, opened.ledger, found)
    return _cleared(args, found, words, sure=True)


def _is_configured(name: str) -> bool:
    return name in (LOCAL, OPENAI) or name in load_settings(Paths.resolve()).providers


def _clear_unasked(args: argparse.Namespace, ledger: Ledger, found: LaunchRow) -> int:
    """Clear a launch that went where nothing in the settings leads any more.

    Raises:
        SafetyError: It may have made a job, and nobody said yes.
    """
    from tui.jobs import clear_unasked

    unsure = found.state in ("creating", "unknown")
    if unsure and not args.yes:
        what = f"{found.endpoint} is not in the settings any more, and that launch may have made"
        if not (is_interactive() and confirm(f"{what} a job there. Clear it all the same?")):
            raise SafetyError(
                f"{what} a job there",
                "configure it again to be sure, or add --yes to clear it all the same",
                code="launch_unknown",
            )
    words, sure = clear_unasked(ledger, found)
    return _cleared(args, found, words, sure=sure)


def _cleared(args: argparse.Namespace, found: LaunchRow, words: str, *, sure: bool) -> int:
    if args.json:
        made = False if sure else None
        what = {"cleared": found.id, "file": found.file, "model": found.model, "made_job": made}
        emit_line(what)
        if not sure:
            note(words)
    else:
        say(clean(words))
    return 0


def _elsewhere(found: LaunchRow, opened: Session) -> SafetyError:
    """Return the error for a launch that went to another address than is asked now."""
    return SafetyError(
        f"that launch went to {found.endpoint}, and {opened.provider.name} is "
        f"{opened.provider.endpoint} now",
        "set the address right, or clear the launch",
        code="other_provider",
    )


async def _asked(args: argparse.Namespace, opened: Session) -> LaunchRequest:
    """Return what is to be launched: anew, as a past job was, or as it was begun."""
    if args.resume is not None:
        return _resumed(args, opened)
    if args.from_job is None:
        return new_request(args)
    from tui.jobs import relaunch

    past = await relaunch(await find_job(opened, args.from_job), opened.provider, opened.ledger)
    request = changed_request(args, past.request)
    for text in past.notes:
        if args.file is None or "validation" in text:
            note(text)
    if not request.file.name:
        raise UsageError("the training file of that job is not known", "name one: launch FILE …")
    return request


def _resumed(args: argparse.Namespace, opened: Session) -> LaunchRequest:
    from dataclasses import replace

    from tui.jobs import find_launch, request_of, standing

    found = find_launch(opened.ledger, args.resume)
    if found.endpoint != opened.provider.endpoint:
        raise _elsewhere(found, opened)
    note(standing(found).words)
    request = request_of(found)
    limit = request.max_cost if args.max_cost is None else args.max_cost
    return replace(request, force=request.force or args.force, max_cost=limit)


async def _launch(args: argparse.Namespace) -> tuple[str, str]:
    """Launch, tell of the job, and return its id and the launch's."""
    import asyncio

    from tui.jobs import ask_provider, preflight
    from tui.jobs import launch as launch_job
    from tui.jobs.rows import began

    request = None
    if args.resume is None and args.from_job is None:
        request = new_request(args)  # What cannot be read is said before anything is opened.
    async with session(args, job=args.from_job, strict=True) as opened:
        request = request or await _asked(args, opened)
        # Nothing else runs in this loop yet, so it may stand still meanwhile.
        with interruptible():
            found = preflight(request, opened.config)
        if args.yes or is_interactive():
            found = await ask_provider(request, found, opened.provider)
        if args.resume is not None:
            _same_file(opened, args.resume, found)
        _tell_problems(found)
        if found.blocked:
            raise found.refusal()
        _tell_leftovers(opened, request, found)
        with interruptible():
            _agree(args, opened, request, found)
        teller, begun = _Teller(), time.time()
        try:
            result = await launch_job(
                request,
                found,
                opened.provider,
                opened.ledger,
                teller.state,
                teller.progress,
                told=False,
                since=began(),
            )
        except asyncio.CancelledError:
            teller.interrupted(opened, begun)
            raise
        _report(args, result)
    return result.job.id, result.launch_id


def _same_file(opened: Session, launch_id: str, found: Preflight) -> None:
    """Refuse to finish a launch with another file than it was begun with.

    Raises:
        SafetyError: The file changed since.
    """
    from tui.jobs import find_launch

    row = find_launch(opened.ledger, launch_id)
    if found.sha256 and found.sha256 != row.sha256:
        short = launch_id[:8]
        raise SafetyError(
            f"{row.file} changed since that launch",
            f"launch it anew, and drop the old launch with 'tunedeck launch --clear {short}'",
            code="file_changed",
        )


def _tell_leftovers(opened: Session, request: LaunchRequest, found: Preflight) -> None:
    """Say where other launches stand that were left open; this file's own are settled first."""
    from tui.jobs import leftovers

    for one in leftovers(opened.ledger, opened.provider.endpoint):
        mine = one.launch.sha256 == found.sha256 and one.launch.model == request.model
        if not mine:
            note(f"{one.words}: {one.next_step}")
        elif one.can_finish:
            note(f"{one.words}: this launch takes its place")


def _tell_problems(found: Preflight) -> None:
    for problem in found.problems:
        if problem.severity == "error" and found.blocked and problem is found.errors[0]:
            continue  # It becomes the error itself.
        hint = f": {problem.hint}" if problem.hint else ""
        note(f"{problem.severity}: {problem.message}{hint}")


def _price(opened: Session, request: LaunchRequest, found: Preflight) -> str:
    what = f"{request.file.name}: tune {request.model} at {opened.config.name}"
    cost = found.cost
    if cost is None:
        return f"{what}, price unknown"
    usd = "price unknown" if cost.usd is None else f"${cost.usd:,.2f}"
    return f"{what}, {counted(cost.epochs, 'epoch')}, {cost.tokens_billed:,} tokens, {usd}"


def _agree(
    args: argparse.Namespace, opened: Session, request: LaunchRequest, found: Preflight
) -> None:
    note(_price(opened, request, found))
    tell_bills_of(opened.ledger, opened.provider)
    if args.yes:
        return
    if not is_interactive():
        raise SafetyError(
            "a launch needs a yes, and there is no terminal to ask on",
            "add --yes, and --max-cost USD for a limit",
            code="not_confirmed",
        )
    for rule in rules_of(args):
        note(f"stop rule: {rule.promise()}")
    if not confirm("Launch?"):
        raise SafetyError("not launched", "nothing was sent", code="not_confirmed")


class _Teller:
    """Tells on stderr how the launch goes."""

    def __init__(self) -> None:
        self._shown = 0
        self._state: LaunchState | None = None

    def state(self, state: LaunchState, words: str) -> None:
        self._state = state
        if state not in ("refused", "unknown"):  # The error that follows says it, with what to do.
            note(words)

    def interrupted(self, opened: Session, begun: float) -> None:
        """Say what was left where."""
        from tui.jobs import what_is_left

        if self._state == "creating":
            note(
                "interrupted while the job was being created: launch the same file again, "
                "it looks for the job first; or see 'tunedeck jobs'"
            )
            return
        rows = opened.ledger.launches(opened.provider.endpoint, 1)
        mine = [row for row in rows if row.planned_at >= begun]
        note(f"interrupted. {what_is_left(opened.ledger, mine[0]) if mine else _NOTHING}")

    def progress(self, done: int, total: int) -> None:
        tenth = done * 10 // total if total else 10
        # Small files are up before a line could be read.
        if total > 8 << 20 and tenth > self._shown and sys.stderr.isatty():
            note(f"uploaded {tenth * 10} %")
        self._shown = max(self._shown, tenth)


def _report(args: argparse.Namespace, result: LaunchResult) -> None:
    job = result.job
    tell_duplicates(result.duplicates)
    if args.json:
        emit_line(
            {
                "job": {
                    "id": job.id,
                    "status": job.status,
                    "model": job.model,
                    "provider": job.provider,
                },
                "upload": {
                    "file_id": result.upload.file_id,
                    "bytes": result.upload.bytes,
                    "reused": result.upload.reused,
                },
                "estimate": result.estimate.to_json() if result.estimate else None,
                "adopted": result.adopted,
            }
        )
        return
    how = ", found at the provider after its answer was lost" if result.adopted else ""
    say(f"{clean(job.id)}  {clean(job.status)}{how}")
    if not args.watch:
        note(f"follow it with 'tunedeck watch {job.id}'")
