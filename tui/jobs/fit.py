"""Whether the files of a launch fit it: their kind and size, their records, what they share.

Blocking work, called by the preflight in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.config import LOCAL
from tui.errors import FileError, TunedeckError
from tui.jobs.request import ERROR, WARNING, LaunchRequest, Problem
from tui.jobs.sending import ONE_PIECE, sha256_of

if TYPE_CHECKING:
    from tui.config import ProviderConfig
    from tui.dataset import CheckReport, ScanResult

_FORMATS = {
    "supervised": ("chat", "completion"),
    "dpo": ("preference",),
    "reinforcement": ("reinforcement", "chat"),
}


def stamp(path: Path) -> tuple[int, int, int, int] | None:
    """Return what changes when somebody writes to a file; ``None`` when it cannot be looked at."""
    try:
        stat = path.stat()
    except OSError:
        return None  # Reading it names the reason.
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def scan(
    path: Path,
    model: str,
    profile: str,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> ScanResult:
    """Check and count a file as the provider would.

    Args:
        path: The file.
        model: Whose encoding and context limit apply.
        profile: Whose rules apply.
        progress: Told bytes done and bytes in all.
        cancelled: Asked often; true stops, with what was found so far.

    Raises:
        FileError: The file cannot be read.
        UsageError: There is no such profile.
    """
    from tui.dataset import scan_file
    from tui.pricing import model_info

    return scan_file(
        path,
        profile=profile,
        model=model,
        encoding=model_info(model).encoding,
        progress=progress,
        cancelled=cancelled,
    )


def file_kind(path: Path, provider: ProviderConfig) -> list[Problem]:
    """Return what is wrong with a file as such: what it is, and how large.

    Raises:
        FileError: It is a pipe or a device.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileError(
            f"{path} is a pipe or a device, which can be read only once",
            "write it to a file first: it is checked, hashed and uploaded",
        )
    name = path.name.lower()
    if name.endswith((".gz", ".zst")):
        return [
            Problem(
                ERROR,
                "compressed",
                f"{path.name} is compressed",
                "providers take plain .jsonl: unpack it first",
                False,
            )
        ]
    try:
        size = path.stat().st_size
    except OSError:
        return []  # The scan names the reason.
    return _too_large(path, size, provider)


def _too_large(path: Path, size: int, provider: ProviderConfig) -> list[Problem]:
    known = provider.known
    whole, parts = known.upload_max_bytes, known.parts_max_bytes
    most = max(whole or 0, parts or 0)
    if most and size > most:
        return [
            Problem(
                ERROR,
                "file_too_large",
                f"{path.name} is {size / 1e6:,.0f} MB, and {provider.name} takes at most "
                f"{most / 1e6:,.0f} MB",
                "train on fewer examples: 'tunedeck split' or 'tunedeck select'",
                False,
            )
        ]
    if not most and size > ONE_PIECE and provider.kind != LOCAL:
        return [
            Problem(
                WARNING,
                "large_file",
                f"{path.name} is {size / 1e6:,.0f} MB; most providers take 512 MB in one piece",
                "the provider may refuse it",
            )
        ]
    return []


def data_problems(report: CheckReport, request: LaunchRequest) -> list[Problem]:
    """Return what the format check of the training file means for the launch."""
    found = []
    if report.errors:
        found.append(
            Problem(
                ERROR,
                "format_errors",
                f"{request.file.name} has {report.errors} format "
                f"{'error' if report.errors == 1 else 'errors'}{_first_line(report)}",
                f"see them with 'tunedeck check {request.file}'",
            )
        )
    if report.warnings:
        found.append(
            Problem(
                WARNING,
                "format_warnings",
                f"{request.file.name} has {report.warnings} "
                f"{'warning' if report.warnings == 1 else 'warnings'}",
                f"see them with 'tunedeck check {request.file}'",
            )
        )
    form = str(report.format)
    fits: Sequence[str] = _FORMATS.get(request.method, ())
    if fits and form not in (*fits, "unknown"):
        right = next((m for m, forms in _FORMATS.items() if form in forms), "supervised")
        found.append(
            Problem(
                ERROR,
                "format_method_mismatch",
                f"{request.file.name} is in the {form} format, which the {request.method} "
                "method does not train on",
                f"use --method {right}",
            )
        )
    return found


def _first_line(report: CheckReport) -> str:
    for issue in report.issues:
        if str(issue.severity) == ERROR:
            where = f", the first on line {issue.line}" if issue.line else ""
            return f"{where}: {issue.message}"
    return ""


def validation_problems(
    request: LaunchRequest,
    provider: ProviderConfig,
    sha256: str,
    cancelled: Callable[[], bool] | None,
) -> list[Problem]:
    """Return what is wrong with the validation file, by itself and beside the training file."""
    path = request.validation
    if path is None:
        return []
    try:
        same = sha256_of(path) == sha256
        report = scan(path, request.model, provider.profile, None, cancelled).report
    except FileError as error:
        return [Problem(ERROR, "validation_unreadable", error.message, error.hint, False)]
    found = [*file_kind(path, provider), *_too_many(request, provider.profile, report.records)]
    if same:
        found.append(
            Problem(
                WARNING,
                "validation_is_training",
                "the validation file is the training file",
                "its loss will say nothing about new examples: use 'tunedeck split'",
            )
        )
    else:
        found += _shared(request.file, path, cancelled)
    # The limit on the number of examples is for training files.
    errors = report.errors - report.counts.get("too_few_examples", 0)
    if errors > 0:
        found.append(
            Problem(
                ERROR,
                "validation_errors",
                f"{path.name} has {errors} format errors",
                f"see them with 'tunedeck check {path}'",
            )
        )
    return found


def grader_fields(
    request: LaunchRequest, provider: ProviderConfig, cancelled: Callable[[], bool] | None
) -> list[Problem]:
    """Say which fields the grader reads that records lack.

    Where every record lacks one no answer can be graded; the embedded service fails a job where
    any record lacks one.
    """
    if request.grader is None:
        return []
    from tui.dataset import grader_lacks

    found = []
    for path in (request.file, request.validation):
        try:
            lacks = grader_lacks(path, request.grader, cancelled=cancelled) if path else []
        except TunedeckError:
            continue  # What cannot be read is told by its own check.
        for lack in lacks:
            hopeless = lack.count == lack.total or provider.kind == LOCAL
            found.append(
                Problem(
                    ERROR if hopeless else WARNING,
                    "grader_field_missing",
                    f"the grader reads item.{lack.field}, which {lack.count:,} of {lack.total:,} "
                    f"records of {path.name if path else ''} lack, the first on line {lack.line}",
                    "add the field to every record, or name the one that is there in the grader",
                )
            )
    return found


def _too_many(request: LaunchRequest, profile: str, records: int) -> list[Problem]:
    """Say when a reinforcement job has more to validate with than is taken."""
    from tui.dataset import get_profile

    most = get_profile(profile).max_reinforcement_validation
    if request.method != "reinforcement" or most is None or records <= most:
        return []
    return [
        Problem(
            ERROR,
            "too_many_records",
            f"{records:,} records to validate with, but {profile} takes at most {most:,}",
            "validate with fewer: 'tunedeck split' holds back as many as you say",
        )
    ]


# The last comparison of two files: a form asks again after every change of a field.
_last_shared: tuple[object, list[Problem]] | None = None


def _shared(train: Path, path: Path, cancelled: Callable[[], bool] | None) -> list[Problem]:
    """Say when the validation file asks what the training file asks."""
    global _last_shared
    from tui.dataset import overlap_files, told_apart

    key = (train.absolute(), stamp(train), path.absolute(), stamp(path))
    if _last_shared is not None and _last_shared[0] == key:
        return _last_shared[1]
    try:
        report = overlap_files(train, path, cancelled=cancelled)
    except TunedeckError:
        return []  # What cannot be read is told by its own check.
    found = []
    if report.overlapping:
        first = report.shared[0]
        ours, theirs = told_apart(str(path), str(train))
        where = "the training file" if report.same_file else theirs
        found.append(
            Problem(
                WARNING,
                "train_validation_overlap",
                f"{report.overlapping:,} of {report.validation_records:,} prompts of {ours} "
                f"are in {where} too, the first on line {first.line} "
                f"(line {first.train_line} there)",
                f"see them with 'tunedeck overlap {train} {path}'",
            )
        )
    _last_shared = (key, found)
    return found
