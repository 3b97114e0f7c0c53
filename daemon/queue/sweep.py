"""The sweep: removes wake-ups whose worker died, and gives one to each due job that has none.

It runs every few seconds on one of the hosts, on a queue and a worker of its own. With ``queueing_lock`` there is never
a second one waiting. A ``lock`` would stand in the way of all later ones when the host that sweeps dies.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from procrastinate import App
from procrastinate.jobs import Status
from procrastinate.manager import JobManager

log = structlog.get_logger("hounsfield.queue")

SWEEP_QUEUE = "maintenance"
SWEEP_TASK = "hounsfield.sweep"


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep does."""

    add_missing: Callable[[], int]
    """Writes the wake-ups that due jobs lack; called in a thread."""
    stalled_seconds: float

    async def run(self, manager: JobManager) -> None:
        """Sweep once. What a dead worker held is removed first: a job that is still due gets a new wake-up then."""
        stalled = list(await manager.get_stalled_jobs(seconds_since_heartbeat=self.stalled_seconds))
        for wake_up in stalled:
            await manager.finish_job(wake_up, Status.FAILED, delete_job=True)
        if stalled:
            log.warning("a worker of the queue died; its wake-ups are removed", count=len(stalled))
        await asyncio.to_thread(self.add_missing)


def register(app: App, sweep: Sweep, *, every: int) -> None:
    """Let the workers of ``app`` sweep every so many seconds; of all hosts, one does."""

    @app.periodic(cron=f"* * * * * */{every}", periodic_id="sweep")
    @app.task(name=SWEEP_TASK, queue=SWEEP_QUEUE, queueing_lock=SWEEP_TASK)
    async def run(timestamp: int) -> None:  # noqa: ARG001 - every periodic task is given it
        await sweep.run(app.job_manager)
