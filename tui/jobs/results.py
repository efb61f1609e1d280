"""The results file of a finished job: a CSV, plain or in base64, with whatever columns it has."""

from __future__ import annotations

import base64
import binascii
import contextlib
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from tui.errors import ProviderError
from tui.jobs.ledger import Ledger
from tui.jobs.models import Job
from tui.jobs.provider import Provider
from tui.jobs.transport import looks_like_page
from tui.jobs.watcher import Watcher

Cell = float | str | None


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


def decode_results(data: bytes) -> ResultsTable:
    """Read a results file.

    Newer OpenAI jobs answer with the CSV in base64, older ones and Azure with plain text.

    Raises:
        ProviderError: It is not a CSV with a header.
    """
    text = _text_of(data)
    reader = csv.reader(io.StringIO(text))
    try:
        lines = [line for line in reader if line]
    except csv.Error as error:
        raise _unreadable() from error
    if not lines or not any(name.strip() for name in lines[0]) or looks_like_page(data):
        raise _unreadable()
    columns = tuple(name.strip() for name in lines[0])
    rows = tuple(_row(line, len(columns)) for line in lines[1:])
    return ResultsTable(columns, rows, text)


def _unreadable() -> ProviderError:
    return ProviderError(
        "the results file is not a CSV",
        "try again when the job has been finished for a minute",
        code="bad_results",
    )


def _text_of(data: bytes) -> str:
    first = data.lstrip(b"\xef\xbb\xbf \r\n\t").split(b"\n", 1)[0]
    if b"," not in first:
        # A plain CSV of a single column has no comma either, so the result must look like text too.
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            decoded = base64.b64decode(b"".join(data.split()), validate=True)
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
