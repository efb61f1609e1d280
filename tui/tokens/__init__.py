"""Tokens: encodings that need no network, exact counts an example, and their distributions.

The package is cheap to import; numpy and tiktoken load with the first name that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.lazy import exports

if TYPE_CHECKING:
    from tui.tokens.counts import ValueCounts
    from tui.tokens.encodings import encoding_names, get_encoding
    from tui.tokens.examples import ExampleCounter
    from tui.tokens.fast import Choice, engine_choice
    from tui.tokens.rows import TokenRows
    from tui.tokens.stats import stats_json
    from tui.tokens.table import Distribution, TokenTable, distribution

__all__ = [
    "Choice",
    "Distribution",
    "ExampleCounter",
    "TokenRows",
    "TokenTable",
    "ValueCounts",
    "distribution",
    "encoding_names",
    "engine_choice",
    "get_encoding",
    "stats_json",
]

_HOMES = {
    "Choice": "fast",
    "Distribution": "table",
    "ExampleCounter": "examples",
    "TokenRows": "rows",
    "TokenTable": "table",
    "ValueCounts": "counts",
    "distribution": "table",
    "encoding_names": "encodings",
    "engine_choice": "fast",
    "get_encoding": "encodings",
    "stats_json": "stats",
}

__getattr__ = exports(__name__, _HOMES)
