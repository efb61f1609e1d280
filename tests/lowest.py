"""Print pip constraints that pin every dependency to the lower bound in pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path


def main() -> None:
    """Write ``name==lowest`` for each run-time dependency to stdout."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    for requirement in project["project"]["dependencies"]:
        match = re.match(r"([\w.-]+)>=([\w.]+)", requirement)
        if match is None:
            raise SystemExit(f"{requirement}: has no lower bound")
        print(f"{match[1]}=={match[2]}")


if __name__ == "__main__":
    main()
