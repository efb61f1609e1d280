"""A cancel that a stop rule asked for: tried until the provider has heard it, or refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.jobs import Job

_AGAIN, _AGAIN_MOST = 2.0, 60.0


async def cancel_until_heard(
    cancel: Callable[[], Awaitable[Job]], on_trouble: Callable[[str], None]
) -> Job:
    """Cancel a run, again and again while its provider cannot be reached.

    Args:
        cancel: Cancels it once and returns it as it ended.
        on_trouble: Told in words, once for each new trouble, why it has not been cancelled yet.

    Raises:
        TunedeckError: The provider refuses it.
    """
    from tui.jobs import CallError

    wait, told = _AGAIN, ""
    while True:
        try:
            return await cancel()
        except TunedeckError as error:
            if not isinstance(error, CallError) or not (error.transient or error.unclear):
                raise
            if error.message != told:
                told = error.message
                on_trouble(f"not cancelled yet: {told} (trying again)")
        await asyncio.sleep(wait)
        wait = min(_AGAIN_MOST, wait * 1.6)
