"""The workers of the queue: one thread with an event loop beside the slots of a process.

Procrastinate hears of a wake-up (LISTEN/NOTIFY, or a look every :data:`POLL_SECONDS`), gives it to one of its workers
and removes it when that is done. Here its worker only rings the bell of a slot, whose own thread claims the best due
job in our own order. So nothing that Procrastinate knows or forgets decides on a job, its retries are unused, and
TensorFlow stays in the thread it was loaded in.

When the database goes away, everything here is thrown away and made anew with a growing pause: pool, workers, and the
identities by which their heartbeats are known. The slots look by themselves meanwhile.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ProcrastinateException
from procrastinate.jobs import DeleteJobCondition

from hounsfield.daemon.queue.bell import Bell
from hounsfield.daemon.queue.sweep import SWEEP_QUEUE, Sweep, register
from hounsfield.storage.wake_ups import TASK

log = structlog.get_logger("hounsfield.queue")

POLL_SECONDS = 2.0
"""How often a worker looks for wake-ups whose time has come: only new ones are told of."""
LEAVE_SECONDS = 3.0
"""How long the end of the process waits for the queue."""
_PATIENCE_SECONDS = 5.0
"""How long the server may take to answer before it counts as away."""
_LONGEST_PAUSE_SECONDS = 5.0
_GRACE_SECONDS = 1.0
_NEVER_SECONDS = 3600.0

KEEPALIVE: Mapping[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""For libpq: a host that vanished without a word is noticed after ten seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Times that tests shorten, in seconds."""

    heartbeat: float = 5.0
    """Between two signs of life of a worker."""
    stalled: float = 30.0
    """After which silence a worker counts as dead."""
    sweep: int = 5
    """Between two sweeps; divides 60."""


class Listener:
    """Rings the bells of one process's slots."""

    def __init__(
        self,
        *,
        name: str,
        connect: Mapping[str, Any],
        queues: list[str],
        slots: int,
        bell_of: Callable[[str, int], Bell | None],
        add_missing: Callable[[], int],
        pace: Pace,
    ) -> None:
        """Start nothing yet.

        ``connect``: what libpq is given. ``slots``: how many bells there are. ``bell_of`` returns the bell for a
        wake-up, given its queue and job; ``add_missing`` writes wake-ups that were lost. Both are called in threads
        and may raise StorageError.
        """
        self._name = name
        self._connect = {**KEEPALIVE, **connect}
        self._queues = queues
        self._slots = slots
        self._bell_of = bell_of
        self._add_missing = add_missing
        self._pace = pace

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen while the block runs; at its end no wake-up may be in hand any more."""
        loop, stop = asyncio.new_event_loop(), asyncio.Event()
        thread = threading.Thread(target=self._run, args=(loop, stop), name="queue", daemon=True)
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(LEAVE_SECONDS)

    def _run(self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._keep_listening(stop))
        finally:
            loop.close()

    async def _keep_listening(self, stop: asyncio.Event) -> None:
        pause = 0.0
        while not stop.is_set():
            try:
                await self._listen(stop)
                pause = 0.0
            except (ProcrastinateException, psycopg.Error, OSError) as error:
                log.error("the queue cannot be heard; trying again", error=type(error).__name__)
            except Exception as error:
                log.exception("the queue failed; trying again", error=type(error).__name__)
            pause = min(2 * pause + 0.25, _LONGEST_PAUSE_SECONDS)
            await _wait(stop, pause)

    async def _listen(self, stop: asyncio.Event) -> None:
        """Run workers with identities of their own until stopped, or until one of them ends."""
        connector = PsycopgConnector(
            kwargs=self._connect, min_size=1, max_size=self._slots + 3, timeout=_PATIENCE_SECONDS
        )
        waking, sweeping = App(connector=connector), App(connector=connector)
        waking.task(name=TASK, pass_context=True)(self._wake)
        register(sweeping, Sweep(self._add_missing, self._pace.stalled), every=self._pace.sweep)
        async with waking.open_async():
            tasks = [
                asyncio.create_task(self._worker(waking, self._queues, self._slots, listens=True)),
                asyncio.create_task(self._worker(sweeping, [SWEEP_QUEUE], 1, listens=False)),
                asyncio.create_task(stop.wait()),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _worker(self, app: App, queues: list[str], slots: int, *, listens: bool) -> None:
        await app.run_worker_async(
            queues=queues,
            name=self._name,
            concurrency=slots,
            listen_notify=listens,
            delete_jobs=DeleteJobCondition.ALWAYS.value,
            fetch_job_polling_interval=POLL_SECONDS,
            abort_job_polling_interval=_NEVER_SECONDS,
            shutdown_graceful_timeout=_GRACE_SECONDS,
            update_heartbeat_interval=self._pace.heartbeat,
            stalled_worker_timeout=self._pace.stalled,
            install_signal_handlers=False,
        )

    async def _wake(self, context: JobContext, job_id: int) -> None:
        """Do what a wake-up is for: ring, and keep it in hand while the slot is at it."""
        bell = await asyncio.to_thread(self._bell_of, context.job.queue, job_id)
        if bell is not None:
            await asyncio.wrap_future(bell.ring())


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
