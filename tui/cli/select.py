"""``tunedeck select``: the records that pass a filter or hold a text, shown, counted or written."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.cli.data import DEFAULT_MODEL, profile_of
from tui.cli.files import ended_in_order, shown_progress
from tui.cli.output import emit_json, emit_line, note, say
from tui.errors import UsageError
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import Facets, Filter, LineIndex, Selection, Source

SORTS = ("file", "tokens", "messages", "issues", "size")

_FILTERS = """\
A filter is words with blanks between them, all of which must be true:
  code:CODE            has an issue of that code; code:A,B of either
  severity:error       has an issue of that severity: error, warning, advice
  role:tool            has a message of that role; without:system has none
  has:tools            tools, calls, images, weights, names or blank (lines)
  script:han           has letters of that script
  tokens:100..500      so many tokens; also >4, >=4, <4, <=4, 4, 100.., ..500
  assistant:<10        so many tokens in the answers of the assistant
  messages:>4          so many messages
  label:PATH=VALUE     the value at a path, such as label:metadata.kind=refund;
                       label:answer=yes looks at the last answer
  /text/ /text/i       holds the text; i ignores case, r is for a regular expression
  in:user              where that text must stand: a role

exit codes: 0 found, 1 none found, 2 wrong usage or an unreadable file
"""


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``select`` command."""
    parser = sub.add_parser(
        "select",
        help="search, filter and sort records; print or write them",
        description="Print the records that pass a filter or hold a text, as they stand in FILE.",
        epilog=_FILTERS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a JSONL or JSON file, or -")
    parser.add_argument("--where", metavar="FILTER", default="", help="which records; see below")
    parser.add_argument("--grep", metavar="TEXT", help="records that hold this text")
    parser.add_argument("--regex", action="store_true", help="TEXT is a regular expression")
    parser.add_argument("--ignore-case", action="store_true", help="capitals do not matter")
    parser.add_argument("--role", metavar="R", help="TEXT in messages of this role only")
    parser.add_argument(
        "--sort", metavar="ORDER", default="file", nargs="?", const="",
        help=f"{', '.join(SORTS)}; with - before it the largest first: --sort -tokens",
    )  # fmt: skip
    for name in SORTS:
        # What begins with - would be taken for an option, so it is one.
        parser.add_argument(
            f"-{name}", dest="sort", action="store_const", const=f"-{name}",
            help=argparse.SUPPRESS,
        )  # fmt: skip
    parser.add_argument("--count", action="store_true", help="print how many there are")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="write them to a new file, with a manifest beside it"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.add_argument(
        "--provider", metavar="P", default="openai", help="whose rules apply (default: openai)"
    )
    parser.add_argument(
        "--model", metavar="M", default=DEFAULT_MODEL, help="whose tokens are counted"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, an object a record")
    parser.set_defaults(handler=select)


def select(args: argparse.Namespace) -> int:
    """Run ``tunedeck select``.

    Raises:
        UsageError: The filter, order or regular expression is wrong.
        FileError: A file cannot be read or written.
    """
    from tui.dataset import LineIndex, open_all
    from tui.dataset.query import Sort

    wanted = _filter(args)
    sort = _sort(args.sort)
    if args.count and args.output is not None:
        raise UsageError("records are either counted or written", "leave out --count or -o")
    name = args.files[0]
    with ended_in_order(), shown_progress(name) as progress, open_all(args.files) as source:
        work = _Work(args, source, LineIndex(), wanted)
        only_text = wanted.search is not None and wanted == type(wanted)(search=wanted.search)
        if only_text and sort is Sort.FILE and args.output is None:
            found = work.stream()
        else:
            found = work.choose(sort, progress)
    return 0 if found else 1


def _filter(args: argparse.Namespace) -> Filter:
    from tui.dataset.query import Filter, Search

    wanted = Filter.parse(args.where)
    if args.grep is None:
        given = {"--regex": args.regex, "--ignore-case": args.ignore_case, "--role": args.role}
        for name, value in given.items():
            if value:
                raise UsageError(f"{name} goes with --grep", "give the text: --grep TEXT")
        return wanted
    if wanted.search is not None:
        raise UsageError("a text is given twice", "search with --grep or within --where")
    if not args.grep:
        raise UsageError("--grep looks for nothing", "give a text of at least one letter")
    text = args.grep.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    search = Search(text, regex=args.regex, case=not args.ignore_case, role=args.role)
    return replace(wanted, search=search)


def _sort(name: str) -> Any:
    from tui.dataset.query import Sort

    try:
        return Sort(name)
    except ValueError:
        raise UsageError(
            f"no order is called {name!r}", f"use one of {', '.join(SORTS)}, or --sort -tokens"
        ) from None


class _Work:
    """One run of the command over one opened source."""

    def __init__(
        self, args: argparse.Namespace, source: Source, index: LineIndex, wanted: Filter
    ) -> None:
        self._args = args
        self._source = source
        self._index = index
        self._wanted = wanted
        self._out = _Printer(args, source, index)

    def stream(self) -> int:
        """Print what a search finds, as it is found; return how much that was."""
        from tui.dataset.query import find

        assert self._wanted.search is not None
        show = not self._args.count

        def on_found(positions: Sequence[int], _done: int) -> None:
            if show:
                self._out.show(positions)

        with _indexing(self._source, self._index) as broken:
            found = find(
                self._source, self._index, self._wanted.search,
                cancelled=broken, on_found=on_found,
            )  # fmt: skip
        if not show:
            self._out.count(found)
        return found

    def choose(self, sort: Any, progress: Callable[[int, int], object] | None) -> int:
        """Print, count or write what passes a filter; return how much that was."""
        from tui.dataset.query import select as choose

        self._index.extend(self._source)
        needed = self._wanted.needs_facets or sort.needs_facets
        facets = self._scan(progress) if needed else None
        chosen = choose(self._source, self._index, facets, self._wanted, sort, progress=progress)
        if self._args.output is not None:
            self._write(chosen, progress)
        elif self._args.count:
            self._out.count(len(chosen))
        else:
            self._out.facets = facets
            self._out.show(_positions(chosen))
        return len(chosen)

    def _scan(self, progress: Callable[[int, int], object] | None) -> Facets | None:
        from tui.dataset import Scan
        from tui.pricing import model_info

        scan = Scan(
            self._source,
            profile=profile_of(self._args.provider),
            model=self._args.model,
            encoding=model_info(self._args.model).encoding,
            facets=True,
        )
        result = scan.run(
            None if progress is None else lambda news: progress(news.bytes_done, news.bytes_total)
        )
        return result.facets

    def _write(self, chosen: Selection, progress: Callable[[int, int], object] | None) -> None:
        from tui.dataset.query import write_selection

        if not len(chosen):
            note("no record was found, so nothing was written")
            return
        manifest = write_selection(
            self._source, self._index, chosen, self._args.output,
            force=self._args.force, progress=progress,
        )  # fmt: skip
        if self._args.json:
            emit_json(manifest)
            return
        name = clean(self._args.output)
        say(
            f"{manifest['records']:,} of {self._index.lines:,} records written to {name}: "
            f"{clean(chosen.words())}"
        )
        say(f"where they come from: {name}.manifest.json. Next: tunedeck check {name}")


def _positions(chosen: Selection) -> Iterable[int]:
    if chosen.positions is None:
        return range(chosen.looked_at)
    return (int(position) for position in chosen.positions)


@contextmanager
def _indexing(source: Source, index: LineIndex) -> Iterator[Callable[[], bool]]:
    """Index in another thread meanwhile; yield what tells whether that went wrong."""
    errors: list[BaseException] = []
    stop = threading.Event()

    def extend() -> None:
        try:
            index.extend(source, cancelled=stop.is_set)
        except Exception as error:  # noqa: BLE001  (raised again below, where it can be told)
            errors.append(error)

    thread = threading.Thread(target=extend, name="index", daemon=True)
    thread.start()
    try:
        yield lambda: bool(errors)
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]


class _Printer:
    """Records on standard output: as they stand, cleaned for a terminal, or as JSON.

    Attributes:
        facets: What is known of each record, if anything.
    """

    def __init__(self, args: argparse.Namespace, source: Source, index: LineIndex) -> None:
        self._args = args
        self._source = source
        self._index = index
        self._screen = sys.stdout.isatty()
        self._counter: Any = None
        self.facets: Facets | None = None

    def count(self, number: int) -> None:
        """Print how many there are."""
        if self._args.json:
            emit_json({"count": number, "records": self._index.lines})
        else:
            say(str(number))

    def show(self, positions: Iterable[int]) -> None:
        """Print records."""
        if self._args.json:
            for position in positions:
                emit_line(self._described(position))
            return
        for position in positions:
            raw = self._raw(position)
            if self._screen:
                say(clean(raw.decode("utf-8", "replace")))
            else:
                sys.stdout.buffer.write(raw + b"\n")
        if not self._screen:
            sys.stdout.buffer.flush()

    def _raw(self, position: int) -> bytes:
        """Return a record on one line, without a mark of the file's before it."""
        from tui.dataset.rows import on_one_line
        from tui.dataset.signature import BOM

        offset, size = self._index.span(position)
        raw = self._source.read(offset, size)
        if not offset:
            raw = raw.removeprefix(BOM)
        if self._index.is_array:
            raw = raw.strip()
            return on_one_line(raw) if b"\n" in raw else raw
        return raw

    def _described(self, position: int) -> dict[str, object]:
        from tui.dataset.joined import place_of

        offset, size = self._index.span(position)
        file, line = place_of(self._source, self._index, position)
        found: dict[str, object] = {
            "file": "-" if self._source.path == "-" else file,
            "line": line,
            "offset": offset,
            "bytes": size,
        }
        if self.facets is not None:
            for name in ("tokens", "messages", "issues"):
                found[name] = int(self.facets.read(name, position, position + 1)[0])
        else:
            found.update(self._counted(position))
        return found

    def _counted(self, position: int) -> dict[str, object]:
        """Count one record's tokens, where no scan has."""
        from tui.dataset.rows import parse
        from tui.pricing import model_info
        from tui.tokens import ExampleCounter

        if self._counter is None:
            self._counter = ExampleCounter(model_info(self._args.model).encoding)
        rows = self._counter.rows([parse(self._raw(position))])
        if not len(rows):
            return {"tokens": 0, "messages": 0}
        return {"tokens": rows.classic[0], "messages": rows.messages[0]}
