"""Keys that come faster than they are answered, kept in order.

A terminal far away hands over several keys at once. Textual sends each to what has the focus at
that moment, so that of ``:50%`` the digits would go to the list, not to the question that the colon
is about to open. Here each key waits until the one before it was answered, wherever that was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.events import Key
    from textual.message_pump import MessagePump

PATIENCE = 0.25
"""Seconds after which the next key is handed on all the same."""


class KeysInOrder:
    """Hands keys on, one after the other.

    A key goes from the focused widget to its parents until one answers it. A callback that takes
    the same way comes to the application when the key was answered, or nobody did.

    Args:
        app: The application.
        hand_on: What sends a key to where it belongs.
    """

    def __init__(self, app: App[Any], hand_on: Callable[[Key], Awaitable[None]]) -> None:
        self._app = app
        self._hand_on = hand_on
        self._waiting: deque[Key] = deque()
        self._number = 0
        self._busy = False

    async def take(self, key: Key) -> None:
        """Hand a key on as soon as those before it are answered."""
        self._waiting.append(key)
        if not self._busy:
            await self._next()

    async def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        self._number += 1
        number, target = self._number, self._app.focused or self._app.screen
        asyncio.get_running_loop().call_later(PATIENCE, self._answered, number)
        await self._hand_on(self._waiting.popleft())
        self._follow(target, number)

    def _follow(self, node: MessagePump, number: int) -> None:
        if not node.call_later(self._pass, node, number):
            self._answered(number)

    def _pass(self, node: MessagePump, number: int) -> None:
        if node is self._app:
            self._answered(number)
        else:
            self._follow(node._parent or self._app, number)

    def _answered(self, number: int) -> None:
        if self._busy and number == self._number:
            self._busy = False
            if self._waiting:
                self._app.call_later(self._next)
