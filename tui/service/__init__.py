"""The embedded fine-tuning service: the OpenAI wire format over engines that train on this machine.

Start with `ensure_running`, which hands back an address and a key, or with `create_app` for an
ASGI application in the same process. Names are loaded when first used, so importing this package
costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.lazy import exports

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

__getattr__ = exports(__name__, _HOMES)
