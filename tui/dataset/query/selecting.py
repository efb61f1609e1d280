"""From a filter and an order to the positions of records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tui.dataset.describe import BLANK, flag
from tui.dataset.index import LineIndex
from tui.dataset.query.finding import Teller, look_at
from tui.dataset.query.judge import Judge, LabelJudge, Looks
from tui.dataset.query.model import ANY, Bounds, Filter, Selection, Sort
from tui.dataset.query.walk import Place, Walk
from tui.dataset.source import Source
from tui.errors import UsageError

if TYPE_CHECKING:
    from tui.dataset.facets import Facets

Positions = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint32]
Cancelled = Callable[[], bool]
Progress = Callable[[int, int], object]

_CHUNK = 1 << 20
_ASK = 64
_MOST = (1 << 32) - 1
_SPARSE = 8
"""Where fewer than one in so many records is left, they are read one by one."""

_GROUPS = {"roles": "role", "features": "feature", "scripts": "script"}


def select(
    source: Source,
    index: LineIndex,
    facets: Facets | None,
    filter: Filter,  # noqa: A002  (the word for it)
    sort: Sort = Sort.FILE,
    *,
    cancelled: Cancelled | None = None,
    progress: Progress | None = None,
) -> Selection:
    """Return the records that pass a filter, in an order.

    Blocks, so call it from a thread where something else must go on. What the facets answer is
    answered without reading the file; text and labels are looked for only in records that pass the
    rest.

    Args:
        source: The file.
        index: Its records.
        facets: What the scan found about each; may still grow. ``None`` where there are none.
        filter: Which records.
        sort: In which order.
        cancelled: Asked every few milliseconds; true gives what was found until then.
        progress: Told how much is done and how much there is, in bytes or records.

    Raises:
        UsageError: The filter or order needs facets and there are none, or its regular expression
            is wrong.
        FileError: The file cannot be read.
    """
    stop = cancelled or (lambda: False)
    judges = _judges(filter)
    needed = filter.needs_facets or sort.needs_facets
    if needed and facets is None:
        raise UsageError(
            "this filter or order needs the check of the file", "wait until it is checked"
        )
    # What grows meanwhile is left for the next time: everything is asked about the same records.
    complete = index.complete
    rows = index.lines
    if needed and facets is not None:
        complete = complete and facets.complete
        rows = min(rows, facets.rows)
    work = _Work(source, index, facets, rows, stop, progress or (lambda _done, _total: None))
    found = work.by_facets(filter) if filter.needs_facets else None
    for judge in judges:
        found = work.by_content(judge, found)
    if sort is not Sort.FILE and not work.stopped:
        found = work.sorted(found, sort)
    return Selection(found, filter, sort, complete and not work.stopped, rows)


def _judges(wanted: Filter) -> list[Looks]:
    judges: list[Looks] = []
    if wanted.search is not None:
        judges.append(Judge(wanted.search))
    if wanted.label is not None:
        judges.append(LabelJudge(*wanted.label))
    return judges


class _Work:
    """One selection in the making."""

    def __init__(
        self,
        source: Source,
        index: LineIndex,
        facets: Facets | None,
        rows: int,
        cancelled: Cancelled,
        progress: Progress,
    ) -> None:
        self._source = source
        self._index = index
        self._facets: Any = facets
        self._rows = rows
        self._cancelled = cancelled
        self._progress = progress
        self.stopped = False

    def by_facets(self, wanted: Filter) -> Positions:
        """Return the positions that pass what the facets know."""
        coded = np.asarray(self._facets.with_codes(wanted.codes)) if wanted.codes else None
        parts: list[Positions] = []
        for start in range(0, self._rows, _CHUNK):
            if self._cancelled():
                self.stopped = True
                break
            stop = min(start + _CHUNK, self._rows)
            keep = self._chunk(wanted, start, stop)
            if coded is not None:
                keep &= _members(coded, start, stop)
            parts.append(np.flatnonzero(keep).astype(np.int64) + start)
            self._progress(stop, self._rows)
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _chunk(self, wanted: Filter, start: int, stop: int) -> npt.NDArray[np.bool_]:
        flags = self._facets.read("flags", start, stop)
        keep = np.ones(stop - start, bool)
        for name, group in _GROUPS.items():
            mask = _mask(group, getattr(wanted, name))
            if mask:
                keep &= (flags & mask) == mask
        if wanted.severities:
            keep &= (flags & _mask("severity", wanted.severities)) != 0
        if not (wanted.codes or wanted.severities or "blank" in wanted.features):
            # A blank line is no record, whatever it has few of.
            keep &= (flags & np.uint32(BLANK)) == 0
        ranges = {"tokens": wanted.tokens, "assistant": wanted.assistant}
        for name, bounds in (ranges | {"messages": wanted.messages}).items():
            if bounds != ANY:
                keep &= _within(self._facets.read(name, start, stop), bounds)
        if wanted.without:
            keep &= (flags & _mask("role", wanted.without)) == 0
        few = wanted.tokens[1] is not None and wanted.tokens[0] is None
        if few or wanted.assistant != ANY or wanted.without:
            # What is no example has no tokens rather than few, and no messages to miss one.
            keep &= self._facets.read("tokens", start, stop) > 0
        return keep

    def by_content(self, judge: Looks, among: Positions | None) -> Positions:
        """Return those positions whose records a judge wants."""
        if self.stopped:
            return np.empty(0, np.int64) if among is None else among[:0]
        kept: list[Positions] = []
        total = max(1, self._index.bytes_seen)

        def on_found(new: Any, done: int) -> None:
            if len(new):
                kept.append(np.asarray(new, np.int64))
            self._progress(min(done, total), total)

        teller = Teller(on_found)
        sparse = among is not None and len(among) * _SPARSE < self._rows
        places: Walk | Iterator[Place | None]
        if sparse and among is not None:
            places = self._one_by_one(judge, among)
        else:
            places = Walk(
                self._source, self._index, judge.prefilter, sure=judge.sure,
                cancelled=self._cancelled, wait=False,
            )  # fmt: skip
        look_at(places, judge, self._source, self._cancelled, teller)
        teller.tell(0)
        self.stopped = self.stopped or self._cancelled()
        found = np.concatenate(kept) if kept else np.empty(0, np.int64)
        found = found[: np.searchsorted(found, self._rows)]
        return found if among is None or sparse else found[np.isin(found, among, kind="sort")]

    def _one_by_one(self, judge: Looks, among: Positions) -> Iterator[Place | None]:
        for number, position in enumerate(among.tolist()):
            if number % _ASK == 0:
                if self._cancelled():
                    self.stopped = True
                    return
                self._progress(number, len(among))
                yield None
            offset, size = self._index.span(position)
            if size > _CHUNK:
                yield Place(position, offset, size, None, False)
                continue
            raw = self._source.read(offset, size)
            if judge.prefilter.look(raw) is not None:
                yield Place(position, offset, size, raw, False)
        yield None

    def sorted(self, positions: Positions | None, sort: Sort) -> Positions | None:
        """Return positions in an order; they come in that of the file, ``None`` for all."""
        if sort.column == "file":
            return np.arange(self._rows)[::-1] if positions is None else positions[::-1]
        keys = self._sizes() if sort.column == "size" else self._column(sort)
        if self.stopped:
            return positions
        if positions is not None:
            keys = keys[positions]
        # The complement turns the order round and leaves equal ones where they are.
        order = np.argsort(~keys if sort.descending else keys, kind="stable")
        return order if positions is None else positions[order]

    def _column(self, sort: Sort) -> Keys:
        keys = np.empty(self._rows, np.uint32)
        for start in range(0, self._rows, _CHUNK):
            stop = min(start + _CHUNK, self._rows)
            keys[start:stop] = self._facets.read(sort.column, start, stop)
        return keys

    def _sizes(self) -> Keys:
        keys = np.zeros(self._rows, np.uint32)
        at = 0
        if not self._index.is_array:
            before = -1
            for base, ends in self._index.blocks():
                here = np.asarray(ends).astype(np.int64) + base
                sizes = np.diff(here, prepend=before) - 1
                room = keys[at : at + len(sizes)]
                room[:] = np.minimum(sizes[: len(room)], _MOST)
                at, before = at + len(room), int(here[-1])
        for position in range(at, self._rows):
            keys[position] = min(self._index.span(position)[1], _MOST)
            if position % 4096 == 0:
                self._progress(position, self._rows)
                if self._cancelled():
                    self.stopped = True
                    break
        return keys


def _mask(group: str, chosen: frozenset[str]) -> np.uint32:
    return np.uint32(sum(flag(group, name) for name in chosen))


def _within(values: npt.NDArray[Any], bounds: Bounds) -> npt.NDArray[np.bool_]:
    low, high = bounds
    wide = values.astype(np.int64)
    keep = np.ones(len(wide), bool)
    if low is not None:
        keep &= wide >= low
    if high is not None:
        keep &= wide <= high
    return keep


def _members(positions: Positions, start: int, stop: int) -> npt.NDArray[np.bool_]:
    keep = np.zeros(stop - start, bool)
    low, high = np.searchsorted(positions, (start, stop))
    keep[positions[low:high] - start] = True
    return keep
