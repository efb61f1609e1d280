"""Run the measurements and print them as a table, and as JSON when asked."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.table import Row, markdown

NAMES = sorted(
    path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py")
)


def main() -> int:
    """Measure what was named, or everything; exit 1 when a figure is over its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows here")
    args = parser.parse_args()
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    for name in args.names or NAMES:
        found = importlib.import_module(f"tests.benchmarks.bench_{name}").measure()
        print(f"\n{name}\n\n{markdown(found)}", flush=True)
        rows += found
    if args.json:
        machine = {"python": platform.python_version(), "cpus": os.cpu_count()}
        document = {
            "machine": machine,
            "rows": [{**asdict(row), "ratio": row.ratio} for row in rows],
        }
        args.json.write_text(json.dumps(document, indent=2) + "\n")
    return 1 if any(row.verdict == "OVER" for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
