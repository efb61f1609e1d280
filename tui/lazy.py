"""Public names of a package, imported when they are first asked for.

A command pays for the modules it uses and for no others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def exports(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    Args:
        package: The package's full name.
        homes: For each public name the module it lives in, as named below the package.

    Returns:
        A function that imports a name from its home and leaves it in the package; it raises
        ``AttributeError``, as modules do, for a name that has no home.
    """

    def get(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get
