"""``tunedeck serve``: the embedded fine-tuning service, in the foreground."""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.cli.output import emit_line, note, say
from tui.errors import UsageError

if TYPE_CHECKING:
    from tui.config import Paths
    from tui.service import Endpoint
    from tui.service.engines import Engine


_DESCRIPTION = """\
Run the embedded fine-tuning service in the foreground. It speaks the OpenAI
fine-tuning API and trains on this machine. Ctrl-C stops it; unfinished jobs go
on when it is started again. The key comes from TUNEDECK_SERVICE_KEY, else it is
a random one; an address that other machines can reach needs the variable.
"""
_ENGINES = """\
engines:
  An engine is a command, a process of its own for each job. It writes one JSON
  object a line to standard output.

  COMMAND train FOLDER
      FOLDER holds job.json, training.jsonl and, where there is one,
      validation.jsonl, all checked before. The engine reports
      {"type": "started", "total_steps": 150, "step": 0}
      {"type": "metrics", "step": 1, "total_steps": 150, "train_loss": 5.5}
      {"type": "checkpoint", "step": 50, "path": "checkpoints/step-50"}
      {"type": "done", "path": "checkpoints/step-150"}
      or {"type": "error", "code": "out_of_memory", "message": "..."}.
      At SIGTERM it writes a checkpoint, reports it, and exits 0 without "done".

  COMMAND sample CHECKPOINT
      reads one JSON object, {"messages": [...], "max_tokens": 256, ...}, and
      reports {"type": "text", "text": "..."} as the words come, then
      {"type": "done", "finish_reason": "stop"}.

  All of it: python -c "import tui.service.engines as e; print(e.__doc__)"
"""


def add_parsers(sub: Any) -> None:
    """Add ``serve``."""
    parser = sub.add_parser(
        "serve",
        help="run the embedded fine-tuning service",
        description=_DESCRIPTION,
        epilog=_ENGINES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on")
    parser.add_argument(
        "--port", type=int, metavar="N", help="port to listen on (default 8741; 0 for a free one)"
    )
    parser.add_argument("--data-dir", type=Path, metavar="D", help="where everything is kept")
    parser.add_argument(
        "--jobs",
        "--concurrency",
        dest="jobs",
        type=int,
        default=1,
        metavar="N",
        help="jobs that train at the same time (default 1; the others wait their turn)",
    )
    parser.add_argument(
        "--engine",
        action="append",
        default=[],
        metavar="MODEL[:METHODS]=COMMAND",
        help="another engine: the base model it trains, how (supervised,dpo,reinforcement;"
        " default supervised), and its command",
    )
    parser.add_argument("--stop", action="store_true", help="stop the one in the background")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handler=serve)


def serve(args: argparse.Namespace) -> int:
    """Run or stop the service."""
    from tui.config import Paths

    paths = Paths.resolve()
    if args.stop:
        return _stop(paths, as_json=args.json)
    from tui.service.launcher import default_data_dir, remove_state, write_state
    from tui.service.server import DEFAULT_PORT, KEY_VARIABLE, is_loopback
    from tui.service.server import serve as run

    key = os.environ.get(KEY_VARIABLE, "")
    if not key and not is_loopback(args.host):
        raise UsageError(
            f"{args.host} can be reached from other machines, so the key must be yours",
            f"export {KEY_VARIABLE} with a long random value, or leave --host out",
        )
    if args.jobs < 1:
        raise UsageError("--jobs must be at least 1", "leave it out to train one at a time")
    port = DEFAULT_PORT if args.port is None else args.port
    own = args.data_dir is None
    data_dir = default_data_dir(paths) if own else args.data_dir.expanduser().absolute()
    ready: list[Endpoint] = []

    def on_ready(endpoint: Endpoint) -> None:
        # The home's own data: whatever talks to "local" must find this service.
        if own:
            write_state(paths, endpoint)
        ready.append(endpoint)
        _announce(endpoint, from_environment=bool(key), as_json=args.json)

    try:
        run(
            args.host,
            port,
            data_dir,
            key or f"td-{secrets.token_urlsafe(32)}",
            concurrency=args.jobs,
            engines=_engines(args.engine),
            on_ready=on_ready,
        )
    finally:
        if own and ready:
            remove_state(paths, ready[0].pid)
    return 0


def _announce(endpoint: Endpoint, *, from_environment: bool, as_json: bool) -> None:
    if as_json:
        emit_line({"base_url": endpoint.base_url, "pid": endpoint.pid})
        return
    key = "$TUNEDECK_SERVICE_KEY" if from_environment else endpoint.api_key
    say(
        f"Fine-tuning service on {endpoint.base_url}"
        f" (OPENAI_BASE_URL={endpoint.base_url} OPENAI_API_KEY={key}; Ctrl-C stops it)"
    )


def _engines(specs: list[str]) -> dict[str, Engine]:
    from tui.service.engines import Engine

    found = {}
    for spec in specs:
        name, _, command = spec.partition("=")
        model, _, listed = name.partition(":")
        methods = tuple(listed.split(",")) if listed else ("supervised",)
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise UsageError(f"--engine {model}: {error}", "quote the command") from error
        if not set(methods) <= {"supervised", "dpo", "reinforcement"}:
            raise UsageError(
                f"--engine {model}: {listed} is not a list of methods",
                "write for example --engine 'lab-7b:supervised,dpo=python -m lab.engine'",
            )
        if not model or not words or shutil.which(words[0]) is None:
            raise UsageError(
                f"--engine {spec!r} is not MODEL=COMMAND with a command that exists",
                "write for example --engine 'lab-7b=python -m lab.engine'",
            )
        found[model] = Engine(model=model, command=words, methods=methods)
    return found


def _stop(paths: Paths, *, as_json: bool) -> int:
    from tui.service import find_running, stop
    from tui.service.launcher import unfinished_jobs

    running = find_running(paths)
    waiting = unfinished_jobs(running) if running else 0
    stopped = stop(paths)
    if as_json:
        emit_line({"stopped": stopped, "unfinished_jobs": waiting})
    elif stopped:
        say("The local service has stopped.")
        if waiting:
            note(f"{waiting} unfinished job(s) go on when it is started again")
    else:
        say("No local service is running.")
    return 0
