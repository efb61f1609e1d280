"""The background service: ``python -m tui.service CONFIG STATE CACHE``, started by the launcher."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from tui.config import Paths
from tui.errors import TunedeckError


def main(arguments: list[str]) -> int:
    """Serve one home until stopped or idle, and return the exit code."""
    from tui.service.launcher import IDLE_SECONDS, default_data_dir, remove_state, write_state
    from tui.service.server import serve

    paths = Paths(*(Path(argument) for argument in arguments))
    pid = None

    def ready(endpoint: object) -> None:
        nonlocal pid
        from tui.service.config import Endpoint

        assert isinstance(endpoint, Endpoint)
        pid = endpoint.pid
        write_state(paths, endpoint)

    try:
        serve(
            "127.0.0.1",
            0,
            default_data_dir(paths),
            f"td-{secrets.token_urlsafe(32)}",
            idle_seconds=IDLE_SECONDS,
            on_ready=ready,
        )
    except TunedeckError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 0
    finally:
        if pid is not None:
            remove_state(paths, pid)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
