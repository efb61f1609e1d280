"""The live panel beside a PlotextPlot that is redrawn a point: bytes, and time on many points.

Both are whole programs in terminals of 120x40 with true colours, and get the same losses one step
after the other; bytes are counted from one step to the quiet after it. The times are of the panel's
own redraw in this process, in seconds of CPU, for 100,000 steps of three metrics.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.benchmarks.table import Row
from tests.run_server import JOB, Run, configure, losses, serving
from tests.terminal import QUIET, ROOT, TUNEDECK, Terminal

WARM = 20
STEPS = 40
POINTS = 100_000
BURST = 2_000
MOST_BYTES = 400
SIZE = (120, 40)
ENV = {"COLORTERM": "truecolor"}


def measure() -> list[Row]:
    """Return bytes an event beside the peer's and the limit, and the times on many points."""
    ours, theirs = _panel(), _peer()
    opened, redrawn, kept = asyncio.run(_many())
    waits = _burst()
    what = f"{POINTS:,} steps of 3 metrics in the panel"
    return [
        Row("a metrics event in the panel", ours, "bytes", "PlotextPlot", theirs, 1 / 40),
        Row("a metrics event in the panel", ours, "bytes", "the limit", MOST_BYTES, 1.0),
        Row(f"{what}: opened", opened, "s", "the limit", 0.5, 1.0),
        Row(f"{what}: redrawn (CPU)", redrawn, "s", "the limit", 0.02, 1.0),
        Row(f"{what}: kept in memory", kept, "MB", "24 bytes a number", POINTS * 3 * 24 / 1e6),
        Row(f"a key in a burst of {BURST:,} events: half", waits[0], "s", "the limit", 0.05, 1.0),
        Row(f"a key in a burst of {BURST:,} events: longest", waits[1], "s", "the limit", 0.05),
    ]


def _panel() -> float:
    run = Run()
    with tempfile.TemporaryDirectory() as folder, serving(run) as address:
        configure(Path(folder), address)
        env = {"TUNEDECK_HOME": folder, **ENV}
        with Terminal((*TUNEDECK, "watch", JOB), size=SIZE, env=env) as terminal:
            for _ in range(WARM):
                run.step()
            terminal.wait_for(f"{WARM} / {run.total}")
            return _costs(terminal, lambda: f"{run.step()} / {run.total}")


def _peer() -> float:
    env = {"PYTHONPATH": str(ROOT), "TEXTUAL_ANIMATIONS": "none", **ENV}
    with Terminal((sys.executable, __file__), size=SIZE, env=env) as terminal:
        terminal.wait_for(f"step {WARM}.")
        count = WARM

        def step() -> str:
            nonlocal count
            count += 1
            terminal.type("+")
            return f"step {count}."

        return _costs(terminal, step)


def _costs(terminal: Terminal, step: Any) -> float:
    terminal.read(1.5)
    found = []
    for _ in range(STEPS):
        before = len(terminal.sent)
        terminal.wait_for(step())
        terminal.read(QUIET)
        found.append(len(terminal.sent) - before)
    return statistics.median(found)


def _burst() -> tuple[float, float]:
    """The median and the longest wait for the answer to a key while a burst is taken in."""
    run = Run(total=4 * BURST)
    waits: list[float] = []
    with tempfile.TemporaryDirectory() as folder, serving(run) as address:
        configure(Path(folder), address)
        env = {"TUNEDECK_HOME": folder, **ENV}
        with Terminal((*TUNEDECK, "watch", JOB), size=SIZE, env=env) as terminal:
            run.step()
            terminal.wait_for(f"1 / {run.total:,}").wait_for("smooth 0.6")
            terminal.read(1.5)
            for _ in range(BURST):
                run.step()
            factors = itertools.cycle(("0.9", "0.99", "", "0.6"))
            while f"{BURST + 1:,} / " not in terminal.text:
                wanted = next(factors)
                start = time.perf_counter()
                terminal.type("s")
                terminal.wait_for(f"smoothing {wanted}" if wanted else "Not smoothed")
                waits.append(time.perf_counter() - start)
                terminal.read(0.02)
    return statistics.median(waits), max(waits)


async def _many() -> tuple[float, float, float]:
    """Seconds to open and to redraw, and megabytes kept."""
    from tui.app import TunedeckApp
    from tui.config import Paths, load_settings
    from tui.jobs import Job, MetricPoint, Update
    from tui.run.state import RunState
    from tui.screens.job import JobScreen

    def points(first: int, count: int) -> tuple[MetricPoint, ...]:
        found = []
        for step in range(first, first + count):
            values = {"train_loss": losses(step % 200)[0], "grad_norm": 1 + math.sin(step)}
            values["train_mean_token_accuracy"] = 0.5
            found.append(MetricPoint(f"e{step}", step, step, 2 * POINTS, values))
        return tuple(found)

    job = Job.from_wire({"id": "ftjob-many", "status": "running", "created_at": 1}, "lab")
    history = points(1, POINTS)

    class Source:
        id = title = "ftjob-many"
        kind = "job"
        can: frozenset[str] = frozenset()

        async def updates(self) -> AsyncIterator[Update]:
            yield Update(job, (), history)
            await asyncio.Event().wait()

        async def aclose(self) -> None:
            return

    tracemalloc.start()
    state = RunState("memory")
    before = tracemalloc.get_traced_memory()[0]
    state.take(history)
    kept = (tracemalloc.get_traced_memory()[0] - before) / 1e6
    tracemalloc.stop()

    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUNEDECK_HOME"] = folder
        paths = Paths.resolve()
        app = TunedeckApp(paths=paths, settings=load_settings(paths))
        app.action_open = lambda: None  # type: ignore[method-assign]
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause(1)
            start = time.perf_counter()
            screen = JobScreen(Source(), clock=lambda: 1.0)  # type: ignore[arg-type]
            await app.push_screen(screen)
            while screen.state.step < POINTS or screen.chart.axes is None:
                await asyncio.sleep(0.001)
            opened = time.perf_counter() - start
            await pilot.pause(1)
            times = []
            for _ in range(15):
                begun = time.process_time()
                screen.draw_charts(now=True)
                times.append(time.process_time() - begun)
    return opened, statistics.median(times), kept


def _peer_app() -> None:
    """What most would write: a PlotextPlot that is cleared and drawn again for every point."""
    from textual.app import App, ComposeResult
    from textual_plotext import PlotextPlot

    class PeerApp(App[None]):
        ENABLE_COMMAND_PALETTE = False

        def compose(self) -> ComposeResult:
            yield PlotextPlot()

        def on_mount(self) -> None:
            self.count = WARM
            self.draw()

        def key_plus(self) -> None:
            self.count += 1
            self.draw()

        def draw(self) -> None:
            plot = self.query_one(PlotextPlot)
            plt = plot.plt
            plt.clear_data()
            plt.title(f"step {self.count}.")
            steps = list(range(1, self.count + 1))
            plt.plot(steps, [losses(step)[0] for step in steps], label="train")
            fifth = [step for step in steps if step % 5 == 0]
            plt.plot(fifth, [losses(step)[1] for step in fifth], label="valid")
            plot.refresh()

    PeerApp().run(mouse=False)


if __name__ == "__main__":
    _peer_app()
