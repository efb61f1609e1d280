"""The options of stop rules, and the rules that a job was given before."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from tui.cli.output import note
from tui.config import load_settings
from tui.errors import FileError, SafetyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.cli.session import Session
    from tui.run.stops import StopRule

_NONE = "none"


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Add the options of stop rules."""
    parser.add_argument(
        "--stop-if",
        action="append",
        default=[],
        metavar="RULE",
        help="such as 'valid_loss rises 3', 'train_loss is nan', 'cost > 20', "
        "'no event for 30m', or several with 'and' between them; may be repeated; alerts unless "
        "it says 'then cancel' or 'then run COMMAND'; a job keeps its rules until they are given "
        "anew, and 'none' takes them away",
    )
    parser.add_argument(
        "--then",
        default="alert",
        metavar="ACTION",
        help="what rules do that do not say it: alert, cancel, or 'run COMMAND'",
    )


def rules_of(args: argparse.Namespace) -> tuple[StopRule, ...]:
    """Return the rules of a command line.

    Raises:
        UsageError: One cannot be read.
    """
    texts: Sequence[str] = getattr(args, "stop_if", None) or ()
    then = getattr(args, "then", None) or "alert"
    if not texts or takes_away(args):
        if then != "alert":
            raise UsageError("--then says what to do, but not when", "add --stop-if RULE")
        return ()
    from tui.run.stop_words import parse_all

    return parse_all(texts, then)


def takes_away(args: argparse.Namespace) -> bool:
    """Whether the command line lifts the rules that a job was given before."""
    return [text.strip().lower() for text in getattr(args, "stop_if", None) or ()] == [_NONE]


def check_allowed(opened: Session, rules: Sequence[StopRule]) -> None:
    """Refuse rules that could not do what they say.

    Raises:
        SafetyError: One cancels, and nothing may be changed at this provider.
    """
    from tui.run.stops import Action

    if opened.config.read_only and any(rule.action is Action.CANCEL for rule in rules):
        raise SafetyError(
            f"a stop rule would cancel the run, and nothing may be changed at {opened.config.name}",
            "let it alert, or leave --read-only out",
            code="read_only",
        )


def rules_held(
    args: argparse.Namespace, opened: Session, job_id: str, rules: Sequence[StopRule]
) -> list[StopRule]:
    """Return the rules to hold against a job, and keep them: those given, else those kept.

    Of those given, a command that was run before is not run again.

    Raises:
        SafetyError: One given cancels, and nothing may be changed at this provider.
    """
    from tui.run.stops import Action

    check_allowed(opened, rules)
    ledger, endpoint = opened.ledger, opened.provider.endpoint
    try:
        if rules or takes_away(args):
            again = [str(rule) for rule in rules if rule.action is not Action.RUN]
            ledger.keep_rules(endpoint, job_id, [str(rule) for rule in rules], anew=again)
            done = {one.text: one for one in ledger.kept_rules(endpoint, job_id) if one.acted_at}
            for rule in rules:
                if one := done.get(str(rule)):
                    clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.acted_at))
                    note(f"stop rule: came true on {clock} ({one.seen}), not run again: {rule}")
            return [rule for rule in rules if str(rule) not in done]
        return _held(opened, job_id)
    except FileError as error:
        note(f"stop rules are not kept: {error}")
        return list(rules)


def _held(opened: Session, job_id: str) -> list[StopRule]:
    from tui.run.stop_held import held

    kept = opened.ledger.kept_rules(opened.provider.endpoint, job_id)
    only = f"nothing may be changed at {opened.config.name}" if opened.config.read_only else ""
    found = held(kept, load_settings(opened.paths).stop_if, only)
    for words in found.left_out:
        note(f"stop rule not held: {words}")
    if found.rules:
        note(f"{found.words.lower()} ('--stop-if none' takes them away):")
    return list(found.rules)
