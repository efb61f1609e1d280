"""What the ledger knows of a run whose provider cannot be used now, such as one without a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.run.runlist import price_of

if TYPE_CHECKING:
    from tui.jobs import Ledger
    from tui.run.compare import Compared


def fill_from_ledger(run: Compared, ledger: Ledger) -> None:
    """Fill in a job as this machine saw it last, with its newest metrics. Blocks.

    Raises:
        FileError: The ledger cannot be read.
    """
    from tui.jobs import MetricPoint, Update

    provider, job_id = run.key
    for endpoint in ledger.endpoints_of(provider):
        row = ledger.job(endpoint, job_id)
        if row is None:
            continue
        run.file, run.state.price = row.file, price_of(row.estimate)
        last = row.progress
        points: tuple[MetricPoint, ...] = ()
        if last is not None:
            values = dict(last.values)
            points = (MetricPoint("last", last.created_at, last.step, last.total_steps, values),)
        run.state.apply(Update(row.job, points=points))
        launch = ledger.launch_of(endpoint, job_id)
        if launch is not None:
            run.sha256 = launch.sha256
            run.validation = str(launch.recipe.get("validation") or "")
        return
