"""What the Tab key does: run by the shell, once for each Tab (see :mod:`tui.cli.completion`).

Nothing is asked of a provider, nothing is written, and whatever goes wrong means that nothing is
offered.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable
from typing import NoReturn

from argcomplete.completers import BaseCompleter, SuppressCompleter
from argcomplete.finders import CompletionFinder
from argcomplete.lexers import split_line

from tui.cli.main import FAMILIES, FAMILY_OF
from tui.cli.offers import Words, command_paths, is_safe, offer_for
from tui.cli.parsing import app_parser, build_parser


def complete() -> NoReturn:
    """Answer the shell and end the process."""
    with contextlib.suppress(BaseException):
        line = os.environ["COMP_LINE"]
        # Where the locale is C, bash counts bytes and Python reads characters.
        point = min(int(os.environ["COMP_POINT"]), len(line))
        os.environ["COMP_POINT"] = str(point)
        typed = split_line(line, point)[3][int(os.environ["_ARGCOMPLETE"]) :]
        parser = _parser(typed)
        _Finder()(parser, always_complete_options=False, default_completer=SuppressCompleter())
    os._exit(1)


def _parser(typed: list[str]) -> argparse.ArgumentParser:
    """Return the parser of a line whose words before the cursor are known, with what it offers."""
    words = [word for word in typed if not word.startswith("-")]
    family = FAMILY_OF.get(words[0]) if words else None
    if family is None:
        return _application(command=not words)
    parser = build_parser((family,))
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            _attach(words[0], action.choices[words[0]])
    return parser


def _application(*, command: bool) -> argparse.ArgumentParser:
    """Return the parser of a line that names paths, or may still name a command."""
    parser = app_parser()
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII only")
    parser.add_argument("--read-only", action="store_true", help="change nothing at any provider")
    if command:
        parser.add_argument("--help", action="store_true", help="show the help and exit")
        parser.add_argument("--version", action="store_true", help="show the version and exit")
    _attach("", parser)
    for action in parser._actions:
        if command and action.dest == "paths":
            _set(action, lambda prefix, _: {**_commands(), **command_paths(prefix)})
    return parser


def _commands() -> Words:
    if os.environ.get("_ARGCOMPLETE_SHELL") == "bash":
        # It shows no words beside a choice, so the modules need not be asked for them.
        return dict.fromkeys(FAMILY_OF, "")
    for action in build_parser(FAMILIES)._actions:
        if isinstance(action, argparse._SubParsersAction):
            return {one.dest: one.help or "" for one in action._choices_actions}
    return {}


def _attach(command: str, parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        words = offer_for(command, action.dest, str(action.metavar))
        if words is not None and action.choices is None:
            _set(action, words)


def _set(action: argparse.Action, words: Callable[[str, argparse.Namespace], Words]) -> None:
    # The name is argcomplete's.
    action.completer = _Offer(words)  # type: ignore[attr-defined]


class _Finder(CompletionFinder):
    """Argcomplete's finder, in the order things are offered, and with a word where it has none."""

    def collect_completions(
        self,
        active_parsers: list[argparse.ArgumentParser],
        parsed_args: argparse.Namespace,
        cword_prefix: str,
    ) -> list[str]:
        found = super().collect_completions(active_parsers, parsed_args, cword_prefix)
        parser = active_parsers[-1]
        waiting: list[argparse.Action] = getattr(parser, "active_actions", [])
        if not (found or cword_prefix or waiting or parser._get_positional_actions()):
            # A command that takes nothing else takes options.
            for action in parser._actions:
                if action.help != argparse.SUPPRESS:
                    found.append(action.option_strings[-1])
        return found

    def filter_completions(self, completions: list[str]) -> list[str]:
        return list(dict.fromkeys(completions))

    def quote_completions(
        self, completions: list[str], cword_prequote: str, last_wordbreak_pos: int | None
    ) -> list[str]:
        if cword_prequote:
            # Between quotes nothing keeps bash from looking for file names that fit.
            completions = [one for one in completions if "[" not in one]
        quoted = super().quote_completions(completions, cword_prequote, last_wordbreak_pos)
        for one in quoted:
            self._display_completions.setdefault(one, "")
        return quoted


class _Offer(BaseCompleter):
    """What may stand for an argument, without what is there already.

    Args:
        words: Gets the beginning of the word and the arguments so far.
    """

    def __init__(self, words: Callable[[str, argparse.Namespace], Words]) -> None:
        self._words = words

    def __call__(
        self,
        *,
        prefix: str,
        action: argparse.Action,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        parsed_args: argparse.Namespace,
    ) -> Words:
        there = getattr(parsed_args, action.dest, None)
        given = {str(one) for one in there} if isinstance(there, list) else set()
        offered = self._words(prefix, parsed_args).items()
        return {word: about for word, about in offered if is_safe(word) and word not in given}
