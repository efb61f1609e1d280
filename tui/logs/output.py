"""Read what a trainer prints: dictionaries, lines with numbers, progress bars, colours, prose."""

from __future__ import annotations

import math
import re
from typing import Any

from tui.logs.literal import dictionary_in
from tui.logs.phrases import numbers_in, numbers_of_bar
from tui.logs.rows import Batch, Note, is_row, is_summary, step_of
from tui.logs.text import LONGEST_LINE, LineReader
from tui.loose import number_of

_ENDS = re.compile(rb"\r\n|\n|\r")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
# " 33%|███▎      | 20/60 [00:00<00:00, 260.86it/s]", with what the bar is about before it.
_BAR = re.compile(r"^(.*?)\s*\d{1,3}%\|[^|]{0,400}\|\s*([\d.]+)([kMG]?)/([\d.]+)([kMG]?)\s*\[")
_LONGEST_BAR = 2000
_OPEN_BAR = re.compile(r"^(.*?)\s*\d+(?:it|step)s?\s*\[\d")
_OTHER_BAR = re.compile(r"val|eval|test|sanity|generat|load|download", re.IGNORECASE)
# What launchers and loggers put before the lines of each process.
_RANK = re.compile(r"(?<![A-Za-z])(?:local[_ ])?rank[ :_=]?(\d+)", re.IGNORECASE)
_PREFIX = re.compile(r"^\[(?:rank|default)\d+\]:?\s?")
_PREFIXES = 160
_TIME = re.compile(r"^\W{0,3}(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)")
_FACT = re.compile(
    r"^.*?(Num examples|Num Epochs|Total optimization steps|Gradient Accumulation "
    r"steps|Total train batch size[^=]{0,80}|Instantaneous batch size per device)"
    r"\s*=\s*([\d,]+)\s*$",
    re.IGNORECASE,
)
_FACT_NAMES = {
    "num epochs": "n_epochs",
    "gradient accumulation steps": "gradient_accumulation_steps",
    "instantaneous batch size per device": "per_device_train_batch_size",
}
_FAILED = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Interrupt))\b(?::\s*(.*))?$")
_LOUD = re.compile(r"\b(?:ERROR|FATAL|CRITICAL|Traceback)\b|(?:Error|Exception):")
_WARN = re.compile(r"\bWARN(?:ING)?\b|Warning:")
_RIVAL_ROWS = 3
_LETTERS = re.compile(r"[^\W\d_]{2}")


class Output(LineReader):
    """What a trainer prints: dictionaries, ``Step 1 | loss:…``, progress bars, colours, prose.

    The Trainer of transformers prints rows without the step. The progress bar that it draws anew
    right behind a row has it: such a row waits for the bar. Without bars the rows are counted.
    Of several processes that print the same numbers the one that came first is read.
    """

    kind = "trainer output"

    def __init__(self) -> None:
        super().__init__()
        self._records: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []
        self._bar: tuple[int, int] | None = None
        self._laps = _Laps()
        self._rival = 0
        self._over = False
        self._failing = False
        self._rank = ""
        self._examples = self._batch = 0
        self._told_ranks = False

    def _split(self, data: bytes) -> list[bytes]:
        return _ENDS.split(data)

    def _is_whole(self, line: bytes) -> bool:
        line = line.rstrip()
        if line.endswith(b"]"):
            return _BAR.match(_plain(line)[:_LONGEST_BAR]) is not None
        return line.endswith(b"}")

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
        """Take in what was printed on one line: bars, and what stands before and behind them."""
        text = _plain(line)
        if len(text) > LONGEST_LINE:
            return
        while True:
            long = len(text) > _LONGEST_BAR
            bar = _BAR.match(text[-_LONGEST_BAR:]) if "%|" in text else None
            if bar is None and "[" in text and not long:
                bar = _OPEN_BAR.match(text)
            if bar is None:
                break
            if bar[1].rstrip().endswith("}"):
                # What one process printed stands before the bar of another.
                self._words(bar[1], batch)
            shown, _, text = bar.string[bar.end() :].partition("]")
            if bar.re is _BAR:
                self._see_bar(bar, batch)
                self._see_numbers_of(bar, f"{bar[0]}{shown}]")
        # What is printed while a bar is drawn stands right behind it.
        self._words(text, batch)

    def _words(self, text: str, batch: Batch) -> None:
        if not text.strip():
            return
        found = dictionary_in(text) if "{" in text else None
        if found is None:
            found = numbers_in(text)
            if found is None or not is_row(found):
                self._prose(text, batch)
                return
        if self._is_ours(text, batch):
            if (at := _TIME.match(text)) is not None:
                found.setdefault("timestamp", at[1])
            self._see_row(found, batch)

    def _is_ours(self, text: str, batch: Batch) -> bool:
        """Whether a row comes from the process that is read, where each says which it is."""
        before = text.find("{", 0, _PREFIXES)  # the numbers themselves do not say it
        told = _RANK.search(text, 0, before if before >= 0 else _PREFIXES)
        if told is None:
            return True
        self._rank = self._rank or told[1]
        if told[1] == self._rank:
            return True
        if not self._told_ranks:
            self._told_ranks = True
            words = f"Several processes print their numbers: those of rank {self._rank} are read."
            batch.notes.append((len(self._records), Note(words)))
        return False

    def _see_bar(self, bar: re.Match[str], batch: Batch) -> None:
        about = bar[1].rpartition("}")[2]
        if about.strip(" :") or bar[3] or bar[5]:
            # torchtune names the epoch and the step before its bar, others what else they do.
            return
        done, total = int(float(bar[2])), int(float(bar[4]))
        if self._bar is not None and total != self._bar[1] and not self._is_new_run(done):
            return
        self._bar, self._rival = (done, total), 0
        self._over = self._over and done >= total
        batch.total = total
        self._release(done)

    def _see_numbers_of(self, bar: re.Match[str], text: str) -> None:
        """Take in the numbers that loops written by hand, Lightning and torchtune put into bars."""
        found = numbers_of_bar(text)
        if found is None or bar[3] or bar[5] or _OTHER_BAR.search(bar[1]):
            return
        row = self._laps.row(found, int(float(bar[2])), int(float(bar[4])))
        if row is not None:
            self._records.append(row)

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
            self._place(found)
            self._records.append(found)
            return
        # Two rows without a bar between them: the earlier one goes with what was known.
        self._release(self._bar[0])
        self._waiting.append(found)

    def _place(self, found: dict[str, Any]) -> None:
        """Say the step of a row that tells its epoch, where the beginning told of how many."""
        epoch = number_of(found.get("epoch"))
        if epoch is not None and self._examples and self._batch and step_of(found) is None:
            found["step"] = round(epoch * math.ceil(self._examples / self._batch))
        elif self._laps.step and step_of(found) is None:
            found["step"] = self._laps.step

    def _release(self, step: int | None) -> None:
        for found in self._waiting:
            found["step"] = step
            found["total_steps"] = self._bar[1] if self._bar else None
        self._records += self._waiting
        self._waiting.clear()

    def _prose(self, text: str, batch: Batch) -> None:
        if "Running training" in text:
            self._examples = self._batch = 0
        fact = _FACT.match(text)
        if fact is not None:
            self._see_fact(fact[1].lower(), int(fact[2].replace(",", "")), batch)
        said = _PREFIX.sub("", text)
        if said.startswith("Traceback (most recent call last)"):
            self._failing = True
        elif self._failing and (failed := _FAILED.match(said)):
            self._failing = False
            if failed[1] != "KeyboardInterrupt":
                batch.status, batch.error = "failed", said.strip()
        if _LETTERS.search(text):
            batch.notes.append((len(self._records), Note(text.strip(), _level_of(text))))

    def _see_fact(self, name: str, value: int, batch: Batch) -> None:
        if name == "num examples":
            # Evaluation tells how many it has too.
            if not self._batch:
                batch.facts["examples"] = self._examples = value
        elif name == "total optimization steps":
            batch.total = value
        elif name.startswith("total train batch size"):
            batch.facts["batch_size"] = self._batch = value
        else:
            batch.facts[_FACT_NAMES[name]] = value


class _Laps:
    """Bars that begin anew in each epoch: their steps go on."""

    def __init__(self) -> None:
        self._before = 0
        self._done = 0
        self._total = 0
        self._last: dict[str, Any] = {}

    @property
    def step(self) -> int:
        """The step that a bar with numbers told last; 0 before."""
        return int(self._last.get("step", 0))

    def row(self, found: dict[str, Any], done: int, total: int) -> dict[str, Any] | None:
        """Return the row that the numbers of a bar are; ``None`` when they were told before.

        Args:
            found: The numbers.
            done: How far the bar is.
            total: How long it is.
        """
        if done < self._done:
            self._before += self._total
        self._done, self._total = done, total
        if "step" not in found:
            found["step"] = self._before + done
            if "epoch" not in found:
                found["total_steps"] = self._before + total
        told = {name: str(value) for name, value in found.items()}  # NaN is not equal to itself
        if told == self._last:
            return None
        self._last = told
        return found


def _plain(line: bytes) -> str:
    """Return a line without colours and cursor movements."""
    text = line.decode("utf-8", "replace")
    return _ANSI.sub("", text) if "\x1b" in text else text


def _level_of(text: str) -> str:
    if _LOUD.search(text):
        return "error"
    return "warn" if _WARN.search(text) else "info"
