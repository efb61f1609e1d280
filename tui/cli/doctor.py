"""``tunedeck doctor``: what works here and what does not, each with the next step."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from tui import __version__
from tui.cli.output import emit_json, say
from tui.config import (
    LOCAL,
    Paths,
    ProviderConfig,
    Settings,
    load_settings,
    public_url,
    resolve_provider,
)
from tui.credentials import foreign_host
from tui.errors import TunedeckError
from widgets.text import ascii_only, clean

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
    parser.add_argument("--provider", metavar="NAME", help="look at this provider")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(handler=doctor)


def doctor(args: argparse.Namespace) -> int:
    """Look at everything; exit 0 when all works, 3 when the provider fails, 2 for the rest."""
    findings = [
        _versions(),
        _terminal(),
        *_folders(),
        *_encodings(),
        _tokenizer(),
        *_provider(args.provider),
    ]
    if args.json:
        emit_json(
            {
                "version": __version__,
                "ok": all(f.state != "error" for f in findings),
                "findings": [asdict(f) for f in findings],
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
        say(f"  {SIGNS[finding.state]}  {finding.area:<{width}}  {clean(finding.detail)}")
        if finding.hint:
            arrow = "->" if ascii_only() else "→"
            say(f"        {'':<{width}}  {arrow} {clean(finding.hint)}")
    bad = sum(finding.state == "error" for finding in findings)
    say("Everything works here." if not bad else f"{bad} of {len(findings)} do not work here.")


def _versions() -> Finding:
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


def _provider(name: str | None) -> list[Finding]:
    import asyncio

    try:
        settings: Settings = load_settings(Paths.resolve())
        config = resolve_provider(settings, name)
    except TunedeckError as error:
        area = "key" if error.code == "missing_key" else "provider"
        return [Finding(area, "error", error.message, error.hint)]
    findings = []
    if config.kind != LOCAL:
        host = foreign_host(config)
        findings.append(
            Finding("key", "ok", f"set, from {config.api_key_env or 'no variable'}")
            if host is None
            else Finding("key", "warning", f"{config.api_key_env} goes to {host}, not to OpenAI")
        )
    try:
        models = asyncio.run(_reach(config))
    except TunedeckError as error:
        findings.append(Finding("provider", "error", f"{config.name}: {error.message}", error.hint))
    else:
        where = public_url(config.base_url or "") or "embedded, on this machine"
        findings.append(Finding("provider", "ok", f"{config.name} ({where}), {models} models"))
    return findings


async def _reach(config: ProviderConfig) -> int:
    from tui.jobs import open_provider

    provider = open_provider(config, Paths.resolve())
    try:
        models: list[Any] = list(await provider.models())
        return len(models)
    finally:
        await provider.aclose()
