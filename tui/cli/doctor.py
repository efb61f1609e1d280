"""``tunedeck doctor``: what works here and what does not, each with the next step."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tui import __version__
from tui.cli.output import emit_json, say
from tui.cli.session import add_trust
from tui.config import Paths, load_settings
from tui.errors import TunedeckError
from widgets.text import ascii_only, clean

if TYPE_CHECKING:
    from tui.cli.reach import Reach

PACKAGES = ("textual", "openai", "tiktoken", "numpy", "plotext", "orjson", "starlette", "uvicorn")
ENCODINGS = ("cl100k_base", "o200k_base")
SIGNS = {"ok": "ok  ", "warning": "warn", "error": "FAIL"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        area: What was looked at, such as ``terminal``.
        state: ``ok``, ``warning`` or ``error``.
        detail: What was found.
        hint: What to do, when something is not right.
    """

    area: str
    state: str
    detail: str
    hint: str = ""


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``doctor`` command."""
    parser = sub.add_parser("doctor", help="what works here and what does not")
    parser.add_argument("--provider", metavar="NAME", help="look at this provider only")
    add_trust(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handler=doctor)


def doctor(args: argparse.Namespace) -> int:
    """Look at everything; exit 0 when all works, 3 when the provider fails, 2 for the rest."""
    reached, provider_findings = _settings(args.provider, args.send_key_to)
    findings = [
        _versions(),
        _terminal(),
        _configuration(),
        *_folders(),
        *_encodings(),
        _tokenizer(),
        *provider_findings,
    ]
    if args.json:
        emit_json(
            {
                "version": __version__,
                "ok": all(f.state != "error" for f in findings),
                "findings": [asdict(f) for f in findings],
                "providers": [reach.to_json() for reach in reached],
            }
        )
    else:
        _print(findings)
    failed = {finding.area for finding in findings if finding.state == "error"}
    if not failed:
        return 0
    return 3 if failed <= {"provider", "key"} else 2


def _print(findings: list[Finding]) -> None:
    say(f"tunedeck {__version__}")
    width = max(len(finding.area) for finding in findings)
    for finding in findings:
        _say_wrapped(f"  {SIGNS[finding.state]}  {finding.area:<{width}}  ", clean(finding.detail))
        if finding.hint:
            arrow = "->" if ascii_only() else "→"
            _say_wrapped(f"        {'':<{width}}  {arrow} ", clean(finding.hint))
    bad = sum(finding.state == "error" for finding in findings)
    say("Everything works here." if not bad else f"{bad} of {len(findings)} do not work here.")


def _say_wrapped(start: str, words: str) -> None:
    """Print words after ``start``, on a terminal broken at its width and below each other."""
    columns = _terminal_size()[0] if sys.stdout.isatty() else 0
    if columns < 60 or len(start) + len(words) < columns:
        say(start + words)
        return
    import textwrap

    say(
        textwrap.fill(
            words,
            columns - 1,
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_on_hyphens=False,
            break_long_words=False,
        )
    )


def _versions() -> Finding:
    from importlib import metadata

    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            return Finding(
                "packages", "error", f"{name} is not installed", "pip install --upgrade tunedeck"
            )
    detail = f"Python {platform.python_version()}, {', '.join(found)}"
    return Finding("packages", "ok", detail)


def _terminal() -> Finding:
    term = os.environ.get("TERM", "")
    size = _terminal_size()
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Finding(
            "terminal", "warning", "not a terminal", "the plain commands work; the screens do not"
        )
    if term in ("", "dumb"):
        return Finding(
            "terminal",
            "warning",
            f"TERM is {term or 'not set'}",
            "set TERM to your terminal's name, for example xterm-256color",
        )
    colours = "no colour (NO_COLOR)" if os.environ.get("NO_COLOR") else _colours(term)
    over_ssh = ", over SSH: mouse off" if os.environ.get("SSH_CONNECTION") else ""
    times = "x" if ascii_only() else "×"
    detail = f"{term}, {size[0]}{times}{size[1]}, {colours}{over_ssh}"
    if size[0] < 80 or size[1] < 24:
        return Finding("terminal", "warning", detail, f"80{times}24 or more shows everything")
    if "utf" not in (sys.stdout.encoding or "").lower():
        return Finding("terminal", "warning", detail, "not UTF-8: use --ascii or set LANG=C.UTF-8")
    return Finding("terminal", "ok", detail)


def _terminal_size() -> tuple[int, int]:
    try:
        size = os.get_terminal_size()
    except OSError:
        return (0, 0)
    return (size.columns, size.lines)


def _colours(term: str) -> str:
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "true colour"
    return "256 colours" if "256" in term else "16 colours"


def _configuration() -> Finding:
    """Name the folder of the person's own settings and prices, and what is wrong in them."""
    from tui.pricing import load_prices

    paths = Paths.resolve()
    try:
        load_settings(paths)
        load_prices(paths)
    except TunedeckError as error:
        return Finding("settings", "error", error.message, error.hint)
    found = [name for name in ("config.toml", "prices.toml") if (paths.config / name).exists()]
    return Finding("settings", "ok", f"{paths.config} ({' and '.join(found) or 'nothing there'})")


def _folders() -> list[Finding]:
    paths = Paths.resolve()
    findings = []
    for name, folder in (("state", paths.state), ("cache", paths.cache)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".probe"
            try:
                probe.write_bytes(b"tunedeck")
            finally:
                probe.unlink(missing_ok=True)
        except OSError as error:
            findings.append(
                Finding(
                    name,
                    "error",
                    f"cannot write in {folder} ({error.strerror})",
                    "fix its permissions or free space, or set TUNEDECK_HOME to another folder",
                )
            )
        else:
            findings.append(Finding(name, "ok", str(folder)))
    return findings


def _encodings() -> list[Finding]:
    from tui.tokens import get_encoding

    findings = []
    for name in ENCODINGS:
        try:
            encoding = get_encoding(name)
            works = encoding.decode(encoding.encode_ordinary("tunedeck")) == "tunedeck"
        except TunedeckError as error:
            findings.append(Finding("encoding", "error", f"{name}: {error.message}", error.hint))
        else:
            state = "ok" if works else "error"
            hint = "" if works else "reinstall tunedeck"
            findings.append(Finding("encoding", state, f"{name}, offline", hint))
    return findings


def _tokenizer() -> Finding:
    """Tell which engine counts the tokens of a large dataset, and why."""
    from tui.tokens import engine_choice
    from tui.tokens.fast import VARIABLE

    choices = [engine_choice(name) for name in ENCODINGS]
    # What goes wrong with one encoding goes wrong for the person.
    choice = next((choice for choice in choices if choice.notice), choices[-1])
    if choice.notice:
        better = "pip install --upgrade 'tunedeck[fast]'"
        if choice.reason.startswith(VARIABLE):
            better = f"unset {VARIABLE}, or name one of the two"
        hint = f"the counts are right, only slower; {better}"
        return Finding("tokenizer", "warning", f"{choice.engine} counts: {choice.reason}", hint)
    return Finding("tokenizer", "ok", f"{choice.engine} counts: {choice.reason}")


def _settings(name: str | None, trusted: list[str] | None) -> tuple[list[Reach], list[Finding]]:
    """Look at the providers, where the settings that name them can be read."""
    from tui.cli.reach import look

    try:
        settings = load_settings(Paths.resolve())
    except TunedeckError:
        return [], []
    try:
        reached = look(settings, name, trusted)
    except TunedeckError as error:
        return [], [Finding("provider", "error", error.message, error.hint)]
    return reached, [finding for reach in reached for finding in _reached(reach)]


def _reached(reach: Reach) -> list[Finding]:
    """Return what to say of one provider; only the chosen one's trouble fails the doctor."""
    where = f"{reach.name} ({reach.address})" if reach.address else reach.name
    findings = []
    if reach.kind and reach.address != "on this machine":
        note = "; ".join(reach.notes)
        state = "warning" if note else "ok"
        words = f"from {reach.key}" if reach.key != "no key" else "none is set"
        findings.append(Finding("key", state, f"{reach.name}: {words}", note))
    bad = "error" if reach.chosen else "warning"
    trouble = reach.trouble
    if trouble is not None:
        area = "key" if trouble.code in _KEY_TROUBLES else "provider"
        findings.append(Finding(area, bad, f"{where}: {trouble.message}", trouble.hint))
    if trouble is None or reach.reachable:
        findings.append(Finding("provider", "ok", f"{where}: {_state_of(reach)}"))
    if reach.can and (trouble is None or reach.reachable):
        for area, yes in (("can", True), ("cannot", False), ("untried", None)):
            words = reach.words(yes)
            if words:
                findings.append(Finding(area, "ok", f"{reach.name}: {words}"))
    return findings


def _state_of(reach: Reach) -> str:
    words = [reach.kind]
    if reach.models is not None:
        words.append(f"{reach.models} model{'s' if reach.models != 1 else ''}")
    if reach.address == "on this machine":
        words += reach.notes
    if reach.read_only:
        words.append("read-only")
    return ", ".join(words)


_KEY_TROUBLES = ("missing_key", "key_command", "keyring", "bad_key", "wrong_key", "key_consent")
