"""Readers of logs that are lines: a trainer's output, JSON lines, CSV.

Each takes the bytes as they come. A line counts once its end is there; :meth:`settle` takes a last
line whose end never comes, where the line itself shows that it is whole.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Protocol

import orjson

from tui.logs.literal import dictionary_in
from tui.logs.rows import Batch, Note, is_row, is_summary, number, step_of, whole

_ENDS = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
# " 33%|███▎      | 20/60 [00:00<00:00, 260.86it/s]", with what the bar is about before it.
_BAR = re.compile(r"^(.*?)\s*\d{1,3}%\|[^|]{0,400}\|\s*([\d.]+)([kMG]?)/([\d.]+)([kMG]?)\s*\[")
_OPEN_BAR = re.compile(r"^(.*?)\s*\d+(?:it|step)s?\s*\[\d")
# "Step 12 | loss:0.5 lr:2e-05", "iter 100: loss 2.31, time 12.5ms", "[step 3/90] loss=0.5"
_STEP = re.compile(r"(?<![\w./])(?:global_)?(?:step|iter|iteration)s?\s*[:=]?\s*(\d{1,15})", re.I)
_OF = re.compile(r"\s*(?:/|of)\s*(\d{1,15})")
_PAIR = re.compile(
    r"([A-Za-z_][\w./@-]*?)\s*(?:[:=]\s*|\s)\s*"
    r"([+-]?(?:nan|inf|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))(?![\w])",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"(?<!\w)epoch\s*[:=]?\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_FACT = re.compile(
    r"^.*?(Num examples|Num Epochs|Total optimization steps|Gradient Accumulation "
    r"steps|Total train batch size[^=]{0,80}|Instantaneous batch size per device)"
    r"\s*=\s*([\d,]+)\s*$",
    re.IGNORECASE,
)
_FACT_NAMES = {
    "num examples": "examples",
    "num epochs": "n_epochs",
    "gradient accumulation steps": "gradient_accumulation_steps",
    "instantaneous batch size per device": "per_device_train_batch_size",
}
_FAILED = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Interrupt))\b(?::\s*(.*))?$")
_LOUD = re.compile(r"\b(?:ERROR|FATAL|CRITICAL|Traceback)\b|(?:Error|Exception):")
_WARN = re.compile(r"\bWARN(?:ING)?\b|Warning:")
_RIVAL_ROWS = 3
_LETTERS = re.compile(r"[^\W\d_]{2}")
_LONGEST_LINE = 1 << 20
_SIZES = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


class Reader(Protocol):
    """Makes rows of the bytes of a log.

    Attributes:
        kind: What the log is, for people.
    """

    kind: str

    def feed(self, data: bytes) -> Batch:
        """Take the next bytes and return what is whole by now."""
        ...

    def settle(self, *, final: bool) -> Batch:
        """Return what has waited in vain for more; ``final`` when no more will come."""
        ...


class LineReader:
    """The part that all readers of lines share: bytes to lines."""

    kind = "text"

    def __init__(self) -> None:
        self._rest = b""
        self._overlong = False

    def feed(self, data: bytes) -> Batch:
        """Take the next bytes."""
        *lines, self._rest = self._split(self._rest + data)
        if lines and self._overlong:
            self._overlong = False
            del lines[0]
        if len(self._rest) > _LONGEST_LINE:
            # No row of numbers is that long: its end is waited for without keeping it.
            self._rest, self._overlong = b"", True
        return self._read(lines)

    def settle(self, *, final: bool) -> Batch:
        """Take a last line without an end, once it is whole by itself or nothing more comes."""
        return self._read(self._left(final=final))

    def _left(self, *, final: bool) -> list[bytes]:
        if not self._rest or self._overlong or not (final or self._is_whole(self._rest)):
            return []
        line, self._rest = self._rest, b""
        return [line]

    def _split(self, data: bytes) -> list[bytes]:
        return data.split(b"\n")

    def _is_whole(self, line: bytes) -> bool:
        del line
        return False

    def _read(self, lines: list[bytes]) -> Batch:
        raise NotImplementedError


class JsonLines(LineReader):
    """JSON objects, one a line: LLaMA-Factory's ``trainer_log.jsonl`` and any other."""

    kind = "JSON lines"

    def _is_whole(self, line: bytes) -> bool:
        return _json(line) is not None

    def _read(self, lines: list[bytes]) -> Batch:
        from tui.logs.columns import rows_of

        records = _records(lines)
        batch = Batch()
        batch.rows, told = rows_of(records)
        if any("current_steps" in found for found in records):
            self.kind = "LLaMA-Factory log"
        totals = (whole(found.get("total_steps")) for found in reversed(records))
        batch.total = next((total for total in totals if total), None)
        for at in (~told).nonzero()[0].tolist():
            self._see_words(records[at], int(told[:at].sum()), batch)
        return batch

    def _see_words(self, found: dict[str, Any], place: int, batch: Batch) -> None:
        """Take in a record that is no row of numbers."""
        total = whole(found.get("total_steps"))
        if is_summary(found) or (total and whole(found.get("current_steps")) == total):
            batch.status = "succeeded"
            return
        message = found.get("message") or found.get("msg")
        if isinstance(message, str):
            level = _level(str(found.get("level", "info")))
            batch.notes.append((place, Note(message, level)))


def _records(lines: list[bytes]) -> list[dict[str, Any]]:
    """Return the objects that lines are; a line that is something else is left out."""
    try:
        found = list(map(orjson.loads, lines))
    except ValueError:  # one of them is broken, empty, or JSON only to Python: each by itself
        return [one for line in lines if (one := _json(line)) is not None]
    return [one for one in found if isinstance(one, dict)]


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except ValueError:
        # NaN and infinities are no JSON, but trainers write them.
        try:
            found = json.loads(line) if line.lstrip().startswith(b"{") else None
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


class Table(LineReader):
    """CSV with names in its first line; the delimiter is told by that line."""

    kind = "CSV"

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._first = b""
        self._delimiter, self._mark = ",", b","

    def _split(self, data: bytes) -> list[bytes]:
        return data.replace(b"\r\n", b"\n").split(b"\n")

    def _read(self, lines: list[bytes]) -> Batch:
        from tui.logs.columns import rows_of_table

        cells: list[str] = []
        for plain, alike in groupby(lines, self._is_plain):
            if plain:
                joined = self._mark.join(alike).decode("utf-8", "replace")
                cells += joined.split(self._delimiter)
            else:
                for line in alike:
                    cells += self._careful(line)
        return Batch(rows=rows_of_table(self._names, cells))

    def _is_plain(self, line: bytes) -> bool:
        """Whether a line is cells without quotes, as many as there are names, and no header."""
        return (
            line.count(self._mark) == len(self._names) - 1
            and self._first not in line
            and b'"' not in line
            and b"\r" not in line
            and _BOM not in line
        )

    def _careful(self, line: bytes) -> list[str]:
        """Return the cells of any line; none when it is no row of the table."""
        text = line.decode("utf-8", "replace").lstrip("\ufeff")
        if not text.strip():
            return []
        if not self._names:
            self._delimiter = delimiter_of(text)
            self._mark = self._delimiter.encode()
            self._names = [name.strip() for name in self._cells(text)]
            self._first = self._names[0].encode() if self._names else b""
            return []
        cells = self._cells(text)
        # The names again: several runs were appended to one file.
        again = [cell.strip() for cell in cells] == self._names
        return cells if len(cells) == len(self._names) and not again else []

    def _cells(self, line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self._delimiter), [])
        except csv.Error:
            return []


def delimiter_of(line: str) -> str:
    """Return what separates the names in the first line of a table."""
    return max(",\t;", key=line.count)


class Output(LineReader):
    """What a trainer prints: dictionaries, ``Step 1 | loss:…``, progress bars, colours, prose.

    The Trainer of transformers prints rows without the step. The progress bar that it draws anew
    right behind a row has it: such a row waits for the bar. Without bars the rows are counted.
    """

    kind = "trainer output"

    def __init__(self) -> None:
        super().__init__()
        self._records: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []
        self._bar: tuple[int, int] | None = None
        self._rival = 0
        self._over = False
        self._failing = False

    def _split(self, data: bytes) -> list[bytes]:
        return _ENDS.split(data)

    def _is_whole(self, line: bytes) -> bool:
        return line.rstrip().endswith(b"}") or _BAR.match(_plain(line)) is not None

    def settle(self, *, final: bool) -> Batch:
        """Take what waits for its step with the step known last."""
        batch = Batch()
        for line in self._left(final=final):
            self._line(line, batch)
        self._release(self._bar[0] if self._bar else None)
        return self._counted(batch)

    def _read(self, lines: list[bytes]) -> Batch:
        batch = Batch()
        for line in lines:
            self._line(line, batch)
        return self._counted(batch)

    def _counted(self, batch: Batch) -> Batch:
        from tui.logs.columns import rows_of

        records, self._records = self._records, []
        batch.rows, _ = rows_of(records)
        return batch

    def _line(self, line: bytes, batch: Batch) -> None:
        text = _plain(line)
        if not text.strip() or len(text) > _LONGEST_LINE:
            return
        if "%|" in text and (bar := _BAR.match(text)):
            self._see_bar(bar, batch)
            return
        if "[" in text and _OPEN_BAR.match(text):
            return
        found = dictionary_in(text) if "{" in text else None
        if found is not None:
            self._see_row(found, batch)
            return
        row = _step_line(text)
        if row is not None:
            self._records.append(row)
        else:
            self._prose(text, batch)

    def _see_bar(self, bar: re.Match[str], batch: Batch) -> None:
        if bar[1].strip(" :") or bar[3] or bar[5]:
            # torchtune names the epoch and the step before its bar, others what else they do.
            return
        done, total = int(float(bar[2])), int(float(bar[4]))
        if self._bar is not None and total != self._bar[1] and not self._is_new_run(done):
            return
        self._bar, self._rival = (done, total), 0
        self._over = self._over and done >= total
        batch.total = total
        self._release(done)

    def _is_new_run(self, done: int) -> bool:
        """Whether a bar of another length is that of training begun again.

        The first bar is that of training; evaluation has others, but behind its row the bar of
        training is drawn first.
        """
        self._rival += int(bool(self._waiting))
        if self._over and done == 0:
            return True
        return self._rival >= _RIVAL_ROWS

    def _see_row(self, found: dict[str, Any], batch: Batch) -> None:
        if not is_row(found):
            if is_summary(found):
                self._release(self._bar[0] if self._bar else None)
                batch.status, self._over = "succeeded", True
            return
        if self._bar is None or step_of(found) is not None:
            self._records.append(found)
            return
        # Two rows without a bar between them: the earlier one goes with what was known.
        self._release(self._bar[0])
        self._waiting.append(found)

    def _release(self, step: int | None) -> None:
        for found in self._waiting:
            found["step"] = step
            found["total_steps"] = self._bar[1] if self._bar else None
        self._records += self._waiting
        self._waiting.clear()

    def _prose(self, text: str, batch: Batch) -> None:
        fact = _FACT.match(text)
        if fact is not None:
            self._see_fact(fact[1].lower(), int(fact[2].replace(",", "")), batch)
        if text.startswith("Traceback (most recent call last)"):
            self._failing = True
        elif self._failing and (failed := _FAILED.match(text)):
            self._failing = False
            if failed[1] != "KeyboardInterrupt":
                batch.status, batch.error = "failed", text.strip()
        if _LETTERS.search(text):
            batch.notes.append((len(self._records), Note(text.strip(), _level_of(text))))

    def _see_fact(self, name: str, value: int, batch: Batch) -> None:
        if name == "total optimization steps":
            batch.total = value
        elif name.startswith("total train batch size"):
            batch.facts["batch_size"] = value
        else:
            batch.facts[_FACT_NAMES[name]] = value


def _plain(line: bytes) -> str:
    """Return a line without colours and cursor movements."""
    text = line.decode("utf-8", "replace")
    return _ANSI.sub("", text) if "\x1b" in text else text


def _step_line(text: str) -> dict[str, float] | None:
    step = _STEP.search(text)
    if step is None or len(text) > 4000:
        return None
    of = _OF.match(text, step.end())
    values = dict(_pairs(text, of.end() if of else step.end()))
    epoch = _EPOCH.search(text)
    if epoch is not None:
        values.setdefault("epoch", float(epoch[1]))
    if not is_row(values):
        return None
    values["step"] = int(step[1])
    if of is not None:
        values["total_steps"] = int(of[1])
    return values


def _pairs(text: str, start: int) -> Iterator[tuple[str, float]]:
    for found in _PAIR.finditer(text, start):
        amount = number(found[2])
        if amount is not None:
            yield found[1], amount


def _level(word: str) -> str:
    word = word.lower()
    return "error" if word in ("error", "critical") else "warn" if "warn" in word else "info"


def _level_of(text: str) -> str:
    if _LOUD.search(text):
        return "error"
    return "warn" if _WARN.search(text) else "info"
