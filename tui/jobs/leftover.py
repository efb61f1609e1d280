"""Launches that were left open: where each stands, in words, and how to finish or clear it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from tui.errors import SafetyError, UsageError
from tui.jobs.ledger import Ledger
from tui.jobs.models import LAUNCH_KEY
from tui.jobs.parts import drop_parts, partial_of
from tui.jobs.provider import Provider
from tui.jobs.recovery import grace_of, is_abandoned, settle
from tui.jobs.request import LaunchRequest
from tui.jobs.rows import LaunchRow, LaunchState

_SHORT = 8


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a launch that was left open stands.

    Attributes:
        launch: The launch.
        words: A sentence without a full stop; may hold foreign text, not cleaned.
        next_step: What to do about it on the command line.
        in_app: What to do about it in the application.
        can_finish: Whether it can be finished or cleared now.
    """

    launch: LaunchRow
    words: str
    next_step: str
    in_app: str
    can_finish: bool = False


def standing(launch: LaunchRow) -> Standing:
    """Say where a launch stands that made no job yet, as far as this machine knows.

    Args:
        launch: The launch, in an open state or interrupted.
    """
    what = f"the launch of {Path(launch.file).name} for {launch.model}"
    short = launch.id[:_SHORT]
    if launch.state is LaunchState.INTERRUPTED:
        reason = launch.reason or "stopped before any job"
        return Standing(
            launch,
            f"{what} {reason}",
            f"finish it with 'tunedeck launch --resume {short}', "
            f"or drop it with 'tunedeck launch --clear {short}'",
            "key 5 finishes or drops it",
            can_finish=True,
        )
    if not is_abandoned(launch):
        where = "" if launch.owner.here else f" on {launch.owner.host}"
        return Standing(
            launch,
            f"{what} is under way in process {launch.owner.pid}{where}",
            "let it end",
            "let it end",
        )
    if launch.state in (LaunchState.PLANNED, LaunchState.UPLOADED):
        return Standing(
            launch,
            f"{what} stopped before any job",
            f"finish it with 'tunedeck launch --resume {short}', "
            f"or drop it with 'tunedeck launch --clear {short}'",
            "key 5 finishes or drops it",
            can_finish=True,
        )
    return Standing(
        launch,
        f"it is not known whether {what} made a job",
        f"nothing more is sent before that is sure: 'tunedeck launch --resume {short}' looks for "
        "the job and takes it over, or finishes the launch",
        "r asks again; nothing more is sent before that is sure",
    )


def leftovers(ledger: Ledger, endpoint: str | None = None) -> tuple[Standing, ...]:
    """Return where every launch stands that neither made a job nor was cleared, oldest first.

    Args:
        ledger: The ledger.
        endpoint: The provider, as the ledger knows it; all of them unless given.
    """
    rows = [*ledger.interrupted(endpoint)]
    rows += ledger.open_launches(endpoint) if endpoint else _open_everywhere(ledger)
    return tuple(standing(row) for row in sorted(rows, key=lambda row: row.planned_at))


def _open_everywhere(ledger: Ledger) -> list[LaunchRow]:
    endpoints = {row.endpoint for row in ledger.launches(limit=500)}
    return [row for endpoint in endpoints for row in ledger.open_launches(endpoint)]


def find_launch(ledger: Ledger, text: str = "") -> LaunchRow:
    """Return the launch that was left open and whose id begins so; the only one without a text.

    Raises:
        UsageError: There is none, or more than one.
    """
    every = [one.launch for one in leftovers(ledger)]
    found = [row for row in every if row.id.startswith(text)]
    if len(found) == 1:
        return found[0]
    if not every:
        raise UsageError("no launch was left open", "launch with 'tunedeck launch FILE --model M'")
    ids = ", ".join(row.id[:_SHORT] for row in (found or every))
    if found:
        raise UsageError(f"{len(found)} launches were left open", f"name one of {ids}")
    raise UsageError(f"no launch that was left open begins with {text!r}", f"there are {ids}")


def request_of(launch: LaunchRow) -> LaunchRequest:
    """Return what was asked for with a launch, to finish it.

    Raises:
        UsageError: The ledger is of a time when that was not kept.
    """
    request = LaunchRequest.from_recipe(launch.recipe)
    if request is None:
        raise UsageError(
            f"what was asked for with launch {launch.id[:_SHORT]} is not known any more",
            f"clear it, and launch {launch.file} anew",
        )
    return request


async def clear_launch(provider: Provider, ledger: Ledger, launch: LaunchRow) -> str:
    """Clear a launch that surely made no job; what was uploaded stays for a later one.

    Returns:
        What was left where, a sentence for a person.

    Raises:
        SafetyError: It is under way, or may have made a job, or did make one.
        CallError: The provider cannot be asked, so nothing is sure.
    """
    if launch.state is not LaunchState.INTERRUPTED:
        if not is_abandoned(launch):
            raise SafetyError(standing(launch).words, "let it end", code="launch_in_progress")
        done = await settle(provider, ledger, launch)
        if done.job is not None:
            raise SafetyError(
                f"the launch of {launch.file} had made job {done.job.id}, which is taken over",
                f"watch it with 'tunedeck watch {done.job.id}'",
                code="launch_created",
            )
        if done.state is not LaunchState.INTERRUPTED:
            raise SafetyError(
                f"it is not sure yet that the launch of {launch.file} made no job",
                f"try again in {grace_of(provider):.0f} s",
                code="launch_unknown",
            )
    dropped = await drop_parts(provider, ledger, launch.sha256)
    await asyncio.to_thread(
        ledger.advance, launch.id, LaunchState.REFUSED, reason="cleared by the person"
    )
    if dropped:
        return "Cleared; no job was made, and the parts that were uploaded are dropped."
    kept = await asyncio.to_thread(ledger.upload_of, launch.endpoint, launch.sha256)
    if kept:
        return f"Cleared; no job was made, and the file stays at the provider as {kept}."
    return "Cleared; no job was made."


def clear_unasked(ledger: Ledger, launch: LaunchRow) -> tuple[str, bool]:
    """Clear a launch whose provider is not in the settings any more, so that it cannot be asked.

    Returns:
        What was left where and what is not known, for a person; and whether it is sure that no job
        was made.

    Raises:
        SafetyError: It is under way.
    """
    sure = launch.state in (LaunchState.INTERRUPTED, LaunchState.PLANNED, LaunchState.UPLOADED)
    if launch.state is not LaunchState.INTERRUPTED and not is_abandoned(launch):
        raise SafetyError(standing(launch).words, "let it end", code="launch_in_progress")
    ledger.keep_partial_upload(launch.endpoint, launch.sha256, {})
    ledger.advance(launch.id, LaunchState.REFUSED, reason="cleared by the person, unasked")
    gone = f"{launch.endpoint} is not in the settings any more and was not asked"
    if sure:
        kept = ledger.upload_of(launch.endpoint, launch.sha256)
        stays = f" What was uploaded there, {kept}, may still be there." if kept else ""
        return f"Cleared; no job was made. {gone}.{stays}", True
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(launch.creating_at or launch.planned_at))
    return (
        f"Cleared here. {gone}, so it is not known whether it made a job, which would cost: look "
        f"in its console for one of {when} with the metadata {LAUNCH_KEY} = {launch.id}.",
        False,
    )


def what_is_left(ledger: Ledger, launch: LaunchRow) -> str:
    """Say what a launch that was stopped left where, a sentence or two for a person.

    Args:
        ledger: The ledger.
        launch: The launch as it was begun; where it stands now is looked up.
    """
    now = next((r for r in ledger.launches(launch.endpoint) if r.id == launch.id), launch)
    if now.job_id is not None:
        return f"Job {now.job_id} was created."
    if now.state in (LaunchState.CREATING, LaunchState.UNKNOWN):
        return "The create may have reached the provider: 'tunedeck jobs' says when that is sure."
    name = Path(now.file).name
    partial = partial_of(ledger, now.endpoint, now.sha256)
    if partial is not None:
        until = time.strftime("%H:%M", time.localtime(partial.expires_at))
        return (
            f"No job was created. {len(partial.parts)} of {partial.count} parts of {name} stay "
            f"at the provider until {until}; launching it again goes on from there."
        )
    kept = ledger.upload_of(now.endpoint, now.sha256)
    if kept is not None:
        return (
            f"No job was created. {name} stays at the provider as {kept}; launching it again "
            "uses it."
        )
    return "No job was created. The upload had not ended; launching it again begins it anew."
