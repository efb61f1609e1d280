"""What the Repair screen knows without Textual: its switches, the new file's name, the report."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from tui.dataset import ON_REQUEST, SAFE, Severity, get_profile
from widgets.numbers import counted, integer

if TYPE_CHECKING:
    from tui.dataset import CheckReport, FixReport, Preview

EDITS = "edits"
"""The switch for the records a person edited."""

INVALID = "invalid"
"""The switch for leaving out records that have errors after the repairs."""

REPAIRS = {**SAFE, **ON_REQUEST}
"""Every repair with what it does, in the order of the switches."""

WORDS = {
    **REPAIRS,
    EDITS: "the records you edited, written as you left them",
    INVALID: "leave out the records with errors that no repair mends",
}

_PACKED = (".gz", ".zst")
_ENDINGS = (".jsonl", ".ndjson", ".json", ".txt", ".csv", ".tsv", ".tab")


def default_repairs(profile: str) -> frozenset[str]:
    """Return the repairs that are made unless switched off, under a provider's rules."""
    codes = frozenset(SAFE)
    if get_profile(profile).severity("byte_order_mark", Severity.WARNING) is Severity.ADVICE:
        # This provider wants one.
        codes -= {"byte_order_mark"}
    return codes


def rules_of(codes: Collection[str], profile: str) -> list[str] | None:
    """Return what `fix_source` is told: nothing for the usual repairs, ``None`` for none."""
    chosen = frozenset(codes) & frozenset(REPAIRS)
    if not chosen:
        return None
    return [] if chosen == default_repairs(profile) else sorted(chosen)


def proposed_name(path: str, word: str = "fixed") -> str:
    """Return a name for a new file made from one, which no file has yet.

    Args:
        path: The file it is made from; ``-`` for standard input.
        word: What was done; it stands before the ending.
    """
    folder, name = os.path.split("stdin.jsonl" if path == "-" else path)
    if folder and not (folder.isprintable() and os.access(folder, os.W_OK)):
        folder = ""
    # It is going to stand in an input, which draws whatever a name is made of.
    name = "".join(char if char.isprintable() else "_" for char in name)
    packed = next((end for end in _PACKED if name.endswith(end)), "")
    stem = name.removesuffix(packed)
    ending = next((end for end in _ENDINGS if stem.lower().endswith(end)), "")
    stem = stem[: len(stem) - len(ending)] if ending else stem
    ending = ending if ending in (".jsonl", ".ndjson") else ".jsonl"
    packed = packed if packed == ".gz" else ""
    return free_name(os.path.join(folder, f"{stem}.{word}{ending}{packed}"))


def free_name(path: str) -> str:
    """Return a path that nothing stands at: the same one, or one with a number before its ending.

    Args:
        path: What the file would be called; ``~`` is understood.
    """
    folder, name = os.path.split(os.path.expanduser(path))
    stem, ending = name, ""
    for endings in (_PACKED, _ENDINGS):
        found = next((end for end in endings if stem.lower().endswith(end)), "")
        if len(found) < len(stem):
            stem, ending = stem[: len(stem) - len(found)], stem[len(stem) - len(found) :] + ending
    number, made = 1, os.path.join(folder, name)
    while os.path.lexists(made):
        number += 1
        made = os.path.join(folder, f"{stem}-{number}{ending}")
    return made


def change_notes(preview: Preview) -> list[tuple[str, str]]:
    """Return what is said above a record: each thing that would be done, and its tone."""
    notes: list[tuple[str, str]] = []
    if preview.reason:
        return [(f"Left out: {preview.reason}", "warning")]
    shown = preview.changes[:12]
    for change in shown:
        where = f" {change.path}" if change.path else ""
        notes.append((f"{change.code}:{where} {change.action}", ""))
    if len(preview.changes) > len(shown):
        notes.append((f"and {integer(len(preview.changes) - len(shown))} more", "muted"))
    return notes


def report_lines(report: FixReport) -> Iterator[str]:
    """Yield what was done, for a person; names in it come from files and are not cleaned."""
    did = []
    if report.edited:
        did.append(f"{integer(report.edited)} edited by you")
    if report.changed:
        did.append(f"{integer(report.changed)} repaired")
    if report.dropped:
        did.append(f"{integer(report.dropped)} left out")
    yield f"{counted(report.records, 'record')} read, {integer(report.written)} written" + (
        f": {', '.join(did)}" if did else ", none changed"
    )
    for code, count in sorted(report.repairs.items(), key=lambda pair: -pair[1]):
        yield f"  {count:>9,}  {code}: {REPAIRS.get(code, '')}"
    if report.invalid:
        worst = sorted(report.invalid_counts.items(), key=lambda pair: -pair[1])[:3]
        codes = ", ".join(code for code, _ in worst)
        yield f"  {report.invalid:>9,}  left out as invalid: {codes}"
    if report.copies_kept:
        yield "Copies were kept: too few examples would be left without them."
    if report.duplicates_unfinished:
        yield "Copies were looked for among the first 20 million records only."
    if report.check is not None:
        yield verdict(report.check)


def verdict(check: CheckReport) -> str:
    """Return what checking the result found, in one line."""
    parts = [
        counted(number, word)
        for number, word in ((check.errors, "error"), (check.warnings, "warning"))
        if number
    ]
    if not check.errors:
        return "Checked: no errors" + (f", {parts[0]}" if parts else "")
    worst = [
        code
        for code, _ in sorted(check.counts.items(), key=lambda pair: -pair[1])
        if _is_error(check, code)
    ][:3]
    return f"Checked: {' and '.join(parts)} left: {', '.join(worst)}"


def _is_error(check: CheckReport, code: str) -> bool:
    issues = check.issues.by_code(code)
    return bool(len(issues)) and issues[0].severity is Severity.ERROR
