"""The options of stop rules."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.run.stops import StopRule


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Add the options of stop rules."""
    parser.add_argument(
        "--stop-if",
        action="append",
        default=[],
        metavar="RULE",
        help="such as 'valid_loss rises 3', 'train_loss is nan', 'cost > 20', "
        "'no event for 30m'; may be repeated; alerts unless it says 'then cancel' or "
        "'then run COMMAND'",
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
    if not texts:
        if then != "alert":
            raise UsageError("--then says what to do, but not when", "add --stop-if RULE")
        return ()
    from tui.run.stops import parse_all

    return parse_all(texts, then)
