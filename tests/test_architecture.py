"""The house stays as it was drawn: arrows point one way, and heavy packages come late."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.cli.main import FAMILIES
from tui.cli.parsing import build_parser

ROOT = Path(__file__).resolve().parent.parent
CORE = ("dataset", "tokens", "pricing", "jobs", "logs", "service")
MODULES = sorted([*ROOT.glob("tui/**/*.py"), *ROOT.glob("widgets/**/*.py")])


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[str]:
    """Yield every module imported anywhere in the file, ``from a import b`` as ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def _is_module(name: str) -> bool:
    base = ROOT.joinpath(*name.split("."))
    return base.with_suffix(".py").exists() or (base / "__init__.py").exists()


def _target(name: str) -> str:
    """Return the module an import reaches, without the name taken out of it."""
    return name if _is_module(name) else name.rpartition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=_module_name)
def test_arrows_point_one_way(path: Path) -> None:
    module = _module_name(path)
    package = module.split(".")[1] if module.startswith("tui.") else ""
    for name in _imports(path):
        target = _target(name)
        if module.startswith("widgets"):
            assert not name.startswith("tui"), f"{module} imports {name}"
        if package in CORE:
            assert name.split(".")[0] != "textual", f"{module} imports {name}"
            assert not target.startswith(("tui.screens", "tui.app", "tui.cli")), (
                f"{module} imports {name}"
            )
            other = target.split(".")
            if len(other) > 2 and other[0] == "tui" and other[1] in CORE:
                assert other[1] == package, f"{module} reaches into {target}"
        if package == "cli":
            assert name.split(".")[0] not in ("textual", "openai"), f"{module} imports {name}"
        if package == "screens":
            other = target.split(".")
            assert not (len(other) > 2 and other[0] == "tui" and other[1] in CORE), (
                f"{module} reaches into {target}"
            )


@pytest.mark.parametrize("path", MODULES, ids=_module_name)
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 500


def _loaded(code: str, home: Path) -> set[str]:
    script = f"{code}\nimport json, sys\nprint('LOADED' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "TUNEDECK_HOME": str(home)},
        cwd=ROOT,
    )
    return set(json.loads(done.stdout.rpartition("LOADED")[2]))


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "from tui.cli import run\ntry:\n    run(['--help'])\nexcept SystemExit:\n    pass\n"
    heavy = {"openai", "plotext", "numpy", "textual", "tiktoken", "starlette", "uvicorn"}
    assert not heavy & _loaded(code, tmp_path)


def test_check_imports_neither_openai_nor_textual(tmp_path: Path) -> None:
    code = "from tui.cli import run\nrun(['check', 'sample_data/support_chat.jsonl', '--json'])"
    assert not {"openai", "plotext", "textual", "starlette"} & _loaded(code, tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_module_adds_the_commands_it_is_asked_for(family: str) -> None:
    help_ = build_parser((family,)).format_help()
    added = re.findall(r"^    ([a-z][a-z-]+)(?:\s|$)", help_, re.MULTILINE)
    assert tuple(added) == FAMILIES[family]
