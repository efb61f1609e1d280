"""The embedded fine-tuning service: the OpenAI wire format over engines that train on this machine.

Start with `ensure_running`, which hands back an address and a key, or with `create_app` for an
ASGI application in the same process. Names are loaded when first used, so importing this package
costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.service.app import create_app
    from tui.service.config import Endpoint, ServiceConfig
    from tui.service.launcher import ensure_running, find_running, stop
    from tui.service.order import examples_of_step
    from tui.service.server import serve

__all__ = [
    "Endpoint",
    "ServiceConfig",
    "create_app",
    "ensure_running",
    "examples_of_step",
    "find_running",
    "serve",
    "stop",
]

_HOMES = {
    "Endpoint": "config",
    "ServiceConfig": "config",
    "create_app": "app",
    "ensure_running": "launcher",
    "examples_of_step": "order",
    "find_running": "launcher",
    "serve": "server",
    "stop": "launcher",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
