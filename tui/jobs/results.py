"""The results file of a finished job: a CSV, plain or in base64, with whatever columns it has."""

from __future__ import annotations

import base64
import binascii
import contextlib
import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.errors import ProviderError
from tui.jobs.ledger import Ledger
from tui.jobs.models import Checkpoint, Job
from tui.jobs.provider import Provider
from tui.jobs.transport import looks_like_page
from tui.jobs.watcher import Watcher

Cell = float | str | None

# The same figure under the names that providers, and their events and files, give it.
_NAMES = {
    "global_step": "step",
    "current_steps": "step",
    "current_step": "step",
    "training_step": "step",
    "step_number": "step",
    "loss": "train_loss",
    "training_loss": "train_loss",
    "train_accuracy": "train_mean_token_accuracy",
    "training_accuracy": "train_mean_token_accuracy",
    "training_token_accuracy": "train_mean_token_accuracy",
    "mean_token_accuracy": "train_mean_token_accuracy",
    "validation_loss": "valid_loss",
    "eval_loss": "valid_loss",
    "valid_accuracy": "valid_mean_token_accuracy",
    "validation_accuracy": "valid_mean_token_accuracy",
    "validation_token_accuracy": "valid_mean_token_accuracy",
    "validation_mean_token_accuracy": "valid_mean_token_accuracy",
    "full_validation_loss": "full_valid_loss",
    "full_validation_mean_token_accuracy": "full_valid_mean_token_accuracy",
    "train_reward_mean": "train_mean_reward",
    "valid_reward_mean": "valid_mean_reward",
    "reward": "train_mean_reward",
}
MAIN_METRICS = (
    "train_loss",
    "valid_loss",
    "full_valid_loss",
    "train_mean_reward",
    "valid_mean_reward",
    "full_valid_mean_reward",
    "train_mean_token_accuracy",
    "valid_mean_token_accuracy",
    "full_valid_mean_token_accuracy",
)
"""What people look at first, by common name."""

# How good a checkpoint is: the first of these that one of them has, and whether more is better.
_JUDGED_BY = (
    ("full_valid_mean_reward", True),
    ("valid_mean_reward", True),
    ("full_valid_loss", False),
    ("valid_loss", False),
    ("train_mean_reward", True),
    ("train_loss", False),
)
_DELIMITERS = ",;\t|"


def common_name(column: str) -> str:
    """Return the name that a metric has in most files and events.

    ``train_accuracy`` is ``train_mean_token_accuracy``, ``scores/graders/a`` is
    ``scores.graders.a``; a name that is known nowhere comes back in small letters.
    """
    name = ".".join(column.strip().lower().replace(" ", "_").split("/"))
    return _NAMES.get(name, name)


@dataclass(frozen=True, slots=True)
class ResultsTable:
    """Step metrics as the provider wrote them.

    Attributes:
        columns: The header, ``step`` usually first.
        rows: One a step; numbers as float, empty cells as ``None``, other text as it is.
        text: The decoded CSV.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    text: str

    def column(self, name: str) -> list[Cell]:
        """Return the values of one column.

        Raises:
            KeyError: There is no such column.
        """
        if name not in self.columns:
            raise KeyError(name)
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    def records(self) -> list[dict[str, Cell]]:
        """Return the rows as objects."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def names(self) -> dict[str, str]:
        """Return the common name of each column."""
        return {column: common_name(column) for column in self.columns}

    def series(self) -> dict[str, list[tuple[float, float]]]:
        """Return the lines to draw: pairs of step and value by common name.

        Rows without a readable step count by their place. Columns without a number are left out.
        """
        names = [common_name(column) for column in self.columns]
        at_step = names.index("step") if "step" in names else -1
        lines: dict[str, list[tuple[float, float]]] = {}
        for number, row in enumerate(self.rows, 1):
            step = row[at_step] if at_step >= 0 else None
            x = step if isinstance(step, float) and math.isfinite(step) else float(number)
            for at, value in enumerate(row):
                if at != at_step and isinstance(value, float):
                    lines.setdefault(names[at], []).append((x, value))
        return lines


def decode_results(data: bytes) -> ResultsTable:
    """Read a results file.

    Newer OpenAI jobs answer with the CSV in base64, older ones and Azure with plain text.

    Raises:
        ProviderError: It is not a CSV with a header.
    """
    text = _text_of(data)
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text))
    try:
        lines = [line for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise _unreadable() from error
    if not lines or looks_like_page(data) or text.lstrip().startswith("{"):
        raise _unreadable()
    columns = _headings(lines[0])
    rows = tuple(_row(line, len(columns)) for line in lines[1:])
    return ResultsTable(columns, rows, text)


def _delimiter(text: str) -> str:
    """Return what stands most often between the names of the header; a comma mostly."""
    header = text.lstrip().split("\n", 1)[0]
    return max(_DELIMITERS, key=header.count)


def _headings(names: Sequence[str]) -> tuple[str, ...]:
    """Return column names that are all there and all different."""
    found: list[str] = []
    for number, given in enumerate(names, 1):
        name = given.strip() or f"column {number}"
        while name in found:
            name = f"{name} ({number})"
        found.append(name)
    return tuple(found)


def _unreadable() -> ProviderError:
    return ProviderError(
        "the results file is not a CSV",
        "try again when the job has been finished for a minute",
        code="bad_results",
    )


def _text_of(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace").replace("\r\n", "\n")
    # Some gateways send what should be bytes as a JSON string.
    data = data.strip().removeprefix(b'"').removesuffix(b'"') if b"," not in data else data
    first = data.lstrip(b"\xef\xbb\xbf \r\n\t").split(b"\n", 1)[0]
    if not any(sign in first for sign in (b",", b";", b"\t")):
        # A plain CSV of a single column has no comma either, so the result must look like text too.
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            packed = b"".join(data.split()).translate(bytes.maketrans(b"-_", b"+/"))
            packed += b"=" * (-len(packed) % 4)
            decoded = base64.b64decode(packed, validate=True)
            if decoded.decode("utf-8-sig").replace("\n", "").replace("\r", "").isprintable():
                data = decoded
    return data.decode("utf-8-sig", "replace").replace("\r\n", "\n")


def _row(line: Sequence[str], width: int) -> tuple[Cell, ...]:
    cells = [_cell(text) for text in line[:width]]
    return (*cells, *[None] * (width - len(cells)))


def _cell(text: str) -> Cell:
    text = text.strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text


async def fetch_results(provider: Provider, job: Job) -> tuple[str, ResultsTable]:
    """Return the id and content of the first results file of a job that is a CSV.

    Raises:
        ProviderError: The job has none, or none can be read.
    """
    if not job.result_files:
        hint = "it has not ended" if not job.terminal else f"it ended {job.status}"
        raise ProviderError(
            f"job {job.id} has no results file",
            f"{hint}; 'tunedeck watch {job.id}' shows its metrics",
            code="no_results",
        )
    problem: ProviderError | None = None
    for file_id in job.result_files:
        try:
            return file_id, decode_results(await provider.file_content(file_id))
        except ProviderError as error:
            problem = problem or error
    assert problem is not None
    raise problem


async def results_of_events(provider: Provider, ledger: Ledger, job: Job) -> ResultsTable:
    """Return the metrics in the events of an ended job, for one that left no results file.

    A run that was cancelled or failed has none, but what it measured is in its events.
    """
    steps: dict[int, dict[str, float]] = {}
    async for update in Watcher(job.id, provider, ledger).updates():
        for point in (*update.points, *update.amended):
            steps.setdefault(point.step, {}).update(point.values)
    names = dict.fromkeys(name for values in steps.values() for name in values)
    columns = ("step", *names)
    rows = tuple(
        (float(step), *(values.get(name) for name in names))
        for step, values in sorted(steps.items())
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows((int(row[0] or 0), *row[1:]) for row in rows)
    return ResultsTable(columns, rows, text.getvalue())


def sorted_checkpoints(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Return checkpoints in the order of their steps, their metrics under common names."""
    named = [
        replace(one, metrics={common_name(name): value for name, value in one.metrics.items()})
        for one in checkpoints
    ]
    return sorted(named, key=lambda one: (one.step is None, one.step or 0, one.created_at or 0))


def best_checkpoint(checkpoints: Sequence[Checkpoint]) -> tuple[Checkpoint, str] | None:
    """Return the best checkpoint and the metric it is best by; ``None`` where nothing tells.

    Measured on all of the validation data where some were, else on a part of it, else in training.
    """
    if len(checkpoints) < 2:
        return None
    named = sorted_checkpoints(checkpoints)
    for name, more in _JUDGED_BY:
        measured = [one for one in named if math.isfinite(one.metrics.get(name, math.nan))]
        if len(measured) > 1:
            pick = max if more else min
            return pick(measured, key=lambda one: one.metrics[name]), name
    return None
