"""Regular expressions: what is wrong with one, and which texts every match of it holds."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any

from tui.dataset.query.spelling import Element, elements
from tui.errors import UsageError

Literals = list[list[Element]]

_MOST_BRANCHES = 8
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def compiled(text: str, *, case: bool) -> re.Pattern[str]:
    """Return a regular expression ready for use.

    Raises:
        UsageError: It is wrong; the message says where.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(text, 0 if case else re.IGNORECASE)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        raise UsageError(
            f"the regular expression is wrong{where}: {error.msg}",
            "write a backslash before a sign that stands for itself",
        ) from error
    except (RecursionError, OverflowError) as error:
        raise UsageError("the regular expression is too large", "make it smaller") from error


def has_anchors(pattern: re.Pattern[str]) -> bool:
    """Return whether it asks for the start or the end of a text or line."""
    tree = _tree(pattern)
    # What cannot be read is taken as having them, which costs time and misses nothing.
    return tree is None or _anchored(tree)


def literals_of(pattern: re.Pattern[str]) -> Literals:
    """Return texts one of which is in every match; none where that is not known."""
    tree = _tree(pattern)
    if tree is None:
        return []
    return _required(tree, case=not pattern.flags & re.IGNORECASE) or []


def _tree(pattern: re.Pattern[str]) -> Any:
    try:
        # The parser has no public name. Without it a search is slower and finds the same.
        from re import _parser  # type: ignore[attr-defined]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    except Exception:  # noqa: BLE001  (whatever a private module does, a search goes on)
        return None


def _parts(argument: object) -> Iterable[Any]:
    """Yield the patterns within an argument of a node."""
    if hasattr(argument, "data"):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            yield from _parts(item)


def _anchored(tree: Any) -> bool:
    for name, argument in tree:
        if str(name) == "AT" and "BOUNDARY" not in str(argument):
            return True
        if any(_anchored(part) for part in _parts(argument)):
            return True
    return False


def _required(tree: Any, *, case: bool) -> Literals | None:
    """Return the best set of texts one of which each match holds."""
    best: Literals | None = None
    run: list[Element] = []
    for name, argument in [*tree, ("END", None)]:
        kind = str(name)
        if kind == "LITERAL":
            run += elements(chr(argument), case=case, unicode=True)
            continue
        repeated = _repeated(kind, argument, case)
        best = _better(best, [run + repeated] if run or repeated else None)
        # The last of what is repeated stands before what comes after it.
        run = repeated
        if not repeated:
            best = _better(best, _inner(kind, argument, case))
    return best


def _repeated(kind: str, argument: Any, case: bool) -> list[Element]:
    """Return the one character that is repeated at least once, if that is what is asked for."""
    if kind not in _REPEATS or argument[0] < 1 or len(argument[2]) != 1:
        return []
    name, char = argument[2][0]
    return elements(chr(char), case=case, unicode=True) if str(name) == "LITERAL" else []


def _inner(kind: str, argument: Any, case: bool) -> Literals | None:
    if kind == "SUBPATTERN":
        _, add, remove, inner = argument
        # Flags of a group's own change what is equal to what.
        return None if add or remove else _required(inner, case=case)
    if kind in _REPEATS and argument[0] >= 1:
        return _required(argument[2], case=case)
    if kind == "ATOMIC_GROUP":
        return _required(argument, case=case)
    if kind == "BRANCH":
        branches = [_required(branch, case=case) for branch in argument[1]]
        if all(branches) and sum(len(found or ()) for found in branches) <= _MOST_BRANCHES:
            return [literal for found in branches for literal in found or ()]
    return None


def _better(one: Literals | None, other: Literals | None) -> Literals | None:
    if not one or not other:
        return one or other
    return other if _worth(other) > _worth(one) else one


def _worth(found: Literals) -> tuple[int, int]:
    return min(map(len, found)), -len(found)
