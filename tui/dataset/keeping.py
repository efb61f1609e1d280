"""What a scan found, as plain data that can be kept in a file and taken out again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from tui.dataset.across import Across
from tui.dataset.chest import Chest, Damaged
from tui.dataset.columns import Column
from tui.dataset.copies import NAMES
from tui.dataset.facets import TYPES, Facets
from tui.dataset.gather import Gathered
from tui.dataset.model import Format
from tui.dataset.report import CheckReport, IssueLog
from tui.dataset.rules.whole import Totals

if TYPE_CHECKING:
    import numpy.typing as npt

    from tui.dataset.index import LineIndex
    from tui.tokens import TokenTable

Arrays = dict[str, "npt.NDArray[Any] | Column"]

_TABLE_FACTS = ("roles", "missing_system", "missing_user", "approximate")
_LATE = ("late_rows", "late_codes", "late_bits")
_LOG_ARRAYS = ("lines", "columns", "words")


def put_index(index: LineIndex, arrays: Arrays) -> None:
    """Add the blocks of an index to what is kept."""
    blocks = [(base, np.asarray(ends, dtype=np.uint32)) for base, ends in index.blocks()]
    empty = [np.zeros(0, dtype=np.uint32)]
    arrays["index.ends"] = np.concatenate([ends for _, ends in blocks] or empty)
    arrays["index.bases"] = np.array([base for base, _ in blocks], dtype=np.int64)
    arrays["index.counts"] = np.array([len(ends) for _, ends in blocks], dtype=np.int64)


def take_index(chest: Chest) -> Iterator[tuple[int, npt.NDArray[np.uint32]]]:
    """Yield the blocks that `put_index` kept.

    Raises:
        Damaged: They do not belong together.
    """
    ends, at = chest.array("index.ends"), 0
    bases, counts = chest.array("index.bases"), chest.array("index.counts")
    if len(bases) != len(counts) or int(counts.sum()) != len(ends):
        raise Damaged("its index does not add up")
    for base, count in zip(bases.tolist(), counts.tolist(), strict=True):
        yield base, ends[at : at + count]
        at += count


def put_gathered(name: str, state: Gathered, arrays: Arrays) -> dict[str, Any]:
    """Add what is known of a file to what is kept; return what belongs into the head.

    The facets are not in it: they are kept once, see `put_facets`.
    """
    return {
        "report": _put_report(name, state.report, arrays),
        "table": None if state.table is None else _put_table(name, state.table, arrays),
        "totals": state.totals.state(),
        "offset": state.offset,
        "rows": state.rows,
        "prints": state.prints,
        "across": None if state.across is None else _put_across(name, state.across, arrays),
    }


def _put_across(name: str, across: Across, arrays: Arrays) -> dict[str, Any]:
    columns = across.copies.columns or {}
    arrays.update({f"{name}.copies.{part}": column for part, column in columns.items()})
    return across.state()


def _take_across(name: str, head: Mapping[str, Any], chest: Chest) -> Across:
    columns = {part: chest.column(f"{name}.copies.{part}") for part in NAMES}
    if any(len(column) < int(head["rows"]) for column in columns.values()):
        raise Damaged("its hashes are fewer than its records")
    return Across.restored(head, columns)


def take_gathered(name: str, head: Mapping[str, Any], chest: Chest, facets: Facets) -> Gathered:
    """Return what `put_gathered` kept.

    Raises:
        Damaged: Something is missing or not what it should be.
    """
    try:
        return Gathered(
            report=_take_report(name, head["report"], chest),
            table=None if head["table"] is None else _take_table(name, head["table"], chest),
            totals=Totals.restored(head["totals"]),
            offset=int(head["offset"]),
            rows=int(head["rows"]),
            prints=[(int(at), int(size), int(total)) for at, size, total in head["prints"]],
            facets=facets,
            across=None if head["across"] is None else _take_across(name, head["across"], chest),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise Damaged(f"it lacks something ({error!r})") from error


def put_facets(facets: Facets, arrays: Arrays) -> None:
    """Add the columns of facets to what is kept."""
    arrays.update({f"facets.{name}": column for name, column in facets.columns.items()})
    arrays.update({f"facets.{name}": getattr(facets, name) for name in _LATE})


def take_facets(chest: Chest, rows: int) -> Facets:
    """Return facets that stay in the file.

    Raises:
        Damaged: Columns are missing or not equally long.
    """
    made = Facets()
    made.columns = {name: chest.column(f"facets.{name}") for name in TYPES}
    for name, column in made.columns.items():
        if column.dtype != np.dtype(TYPES[name]):
            raise Damaged(f"{name} is of another type")
        if not name.startswith("hit_") and len(column) != rows:
            raise Damaged(f"{name} is not as long as the file")
    for name in _LATE:
        setattr(made, name, chest.array(f"facets.{name}"))
    if not len(made.late_rows) == len(made.late_codes) == len(made.late_bits):
        raise Damaged("what was found late does not add up")
    made.rows, made.complete = rows, True
    return made


def _put_report(name: str, report: CheckReport, arrays: Arrays) -> dict[str, Any]:
    log = report.issues.state()
    for part in _LOG_ARRAYS:
        arrays[f"{name}.issues.{part}"] = np.asarray(log.pop(part), dtype=np.int64)
    plain = {item.name: getattr(report, item.name) for item in fields(report)}
    return {**plain, "issues": log}


def _take_report(name: str, head: Mapping[str, Any], chest: Chest) -> CheckReport:
    log = {part: chest.array(f"{name}.issues.{part}").data for part in _LOG_ARRAYS}
    plain = dict(head)
    issues = IssueLog.restored({**plain.pop("issues"), **log})
    return CheckReport(**{**plain, "format": Format(plain["format"])}, issues=issues)


def _put_table(name: str, table: TokenTable, arrays: Arrays) -> dict[str, Any]:
    for part, numbers in table.numbers().items():
        values, counts = numbers.items()
        arrays[f"{name}.{part}.values"], arrays[f"{name}.{part}.counts"] = values, counts
    return {fact: getattr(table, fact) for fact in _TABLE_FACTS}


def _take_table(name: str, head: Mapping[str, Any], chest: Chest) -> TokenTable:
    from tui.tokens import TokenTable, ValueCounts

    made = TokenTable.empty()
    for part, numbers in made.numbers().items():
        kept = (chest.array(f"{name}.{part}.{what}") for what in ("values", "counts"))
        numbers.merge(ValueCounts.of(*kept))
    for fact in _TABLE_FACTS:
        setattr(made, fact, head[fact])
    return made
