"""The messages that cross screens, and the ones workers send home.

A screen that wants something of another posts a message; the application moves to the right
screen and hands it over. Workers change nothing themselves: they post what they found, and the
handlers in :mod:`tui.app` give it to the workspace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from textual.message import Message

if TYPE_CHECKING:
    from tui.dataset import Format, Issue, ScanResult, ScanUpdate
    from tui.opened.opening import Opened
    from tui.run.source import RunSource


class LaunchPrefill(NamedTuple):
    """What another screen suggests for the launch form; ``None`` leaves a field as it is.

    Attributes:
        file: Path of the training file.
        model: Model id.
        epochs: Number of epochs; ``None`` for automatic.
        provider: Name of the provider.
        job: Id of a past run to launch again with changes: the whole form is filled from it.
    """

    file: str | None = None
    model: str | None = None
    epochs: int | None = None
    provider: str | None = None
    job: str | None = None


@dataclass
class ShowRecord(Message):
    """Go to the Data screen and show the record on a line.

    Attributes:
        line: 1-based physical line.
        issue: The issue to mark, if one led there.
    """

    line: int
    issue: Issue | None = None


@dataclass
class ShowRecords(Message):
    """Go to the Data screen and show only some records.

    Attributes:
        filter: Which, in the filter language.
    """

    filter: str


@dataclass
class OpenPath(Message):
    """Open another dataset.

    Attributes:
        path: Its path.
    """

    path: str


@dataclass
class GoLaunch(Message):
    """Go to the Launch screen with some fields filled in."""

    prefill: LaunchPrefill


@dataclass
class OpenJob(Message):
    """Open the live panel of a run, over the Jobs screen."""

    job_id: str
    provider: str | None = None


@dataclass
class OpenRun(Message):
    """Open the live panel of a run that is followed from somewhere, such as a log.

    Attributes:
        source: Where it is followed from.
    """

    source: RunSource


@dataclass
class CompareRuns(Message):
    """Show several runs in one chart.

    Attributes:
        keys: Each a provider's name and a job's id there, or ``log`` and the path of a log.
    """

    keys: tuple[tuple[str, str], ...]


@dataclass
class SampleRun(Message):
    """Ask models the same prompts and show their answers side by side.

    Attributes:
        models: As ``tunedeck sample --model`` takes them: a model's name, ``PROVIDER/NAME``, a
            job's id or ``job:ID`` for the model that came of it, ``job:ID@STEP`` for a checkpoint.
        provider: Where those without a provider of their own answer; ``None`` for the one in use.
        prompts: A file with prompts; ``None`` for the open dataset.
        trained_on: Path of the training file of the run this is about, to be told from held-out
            prompts; empty where it is not known.
    """

    models: tuple[str, ...] = ()
    provider: str | None = None
    prompts: str | None = None
    trained_on: str = ""


@dataclass
class ShowStored(Message):
    """Show the tuned models and the files that a provider keeps.

    Attributes:
        provider: Which; ``None`` for the one in use.
    """

    provider: str | None = None


class FromWorker(Message):
    """News from a worker about the dataset that was open when it started.

    Attributes:
        generation: Which opening it belongs to; news of an earlier one is dropped.
    """

    bubble = False

    def __init__(self, generation: int) -> None:
        super().__init__()
        self.generation = generation

    def can_replace(self, message: Message) -> bool:
        """Let newer news of the same kind replace what still waits in the queue."""
        return isinstance(message, type(self))


class FormatKnown(FromWorker):
    """Enough of the file is read to say what kind of records it holds."""

    def __init__(self, generation: int, format: Format) -> None:  # noqa: A002
        super().__init__(generation)
        self.format = format


class IndexGrew(FromWorker):
    """The line index knows more lines."""


class IndexReady(FromWorker):
    """The line index is complete (or was stopped)."""


class ScanGrew(FromWorker):
    """The scan has got further."""

    def __init__(self, generation: int, update: ScanUpdate) -> None:
        super().__init__(generation)
        self.update = update


class ScanEnded(FromWorker):
    """The scan is over, or was stopped with what it had found."""

    def __init__(self, generation: int, result: ScanResult) -> None:
        super().__init__(generation)
        self.result = result


class WorkFailed(FromWorker):
    """A worker could not go on; ``text`` says why, not yet cleaned."""

    def __init__(self, generation: int, text: str) -> None:
        super().__init__(generation)
        self.text = text


class DiskChanged(FromWorker):
    """The open file is not what it was: ``what`` is a word of `tui.dataset.Change`."""

    def __init__(self, generation: int, what: str) -> None:
        super().__init__(generation)
        self.what = what


class Reloaded(FromWorker):
    """The open dataset was opened again, as it is on the disk now."""

    def __init__(self, generation: int, opened: Opened) -> None:
        super().__init__(generation)
        self.opened = opened

    def can_replace(self, message: Message) -> bool:
        """Never: each holds an open file that somebody must close."""
        del message
        return False


class ReloadFailed(FromWorker):
    """The open dataset could not be opened again; ``text`` says why, not yet cleaned."""

    def __init__(self, generation: int, text: str) -> None:
        super().__init__(generation)
        self.text = text
