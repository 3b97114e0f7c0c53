"""Which slot of this process a wake-up is for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hounsfield.daemon.queue.bell import Bell
from hounsfield.daemon.queue.listener import Listener, Pace
from hounsfield.storage.ports import JobStore
from hounsfield.storage.states import JobKind
from hounsfield.storage.wake_ups import QUEUES


class QueueBells:
    """Bells (:class:`~hounsfield.daemon.bells.Bells`) that wake-ups ring."""

    def __init__(
        self,
        *,
        name: str,
        connect: Mapping[str, Any],
        jobs: JobStore,
        add_missing: Callable[[], int],
        pace: Pace | None = None,
    ) -> None:
        """``connect``: what libpq is given; ``add_missing`` writes wake-ups that due jobs lack."""
        self._name = name
        self._connect = connect
        self._jobs = jobs
        self._add_missing = add_missing
        self._pace = pace or Pace()
        self._bells: dict[tuple[str, str | None], Bell] = {}

    def of(self, kind: JobKind, destination: str | None = None) -> Bell:
        """Return a new bell."""
        bell = self._bells[QUEUES[kind], destination] = Bell()
        return bell

    @contextmanager
    def ringing(self) -> Iterator[None]:
        """Listen for wake-ups of all bells given out so far."""
        listener = Listener(
            name=self._name,
            connect=self._connect,
            queues=sorted({queue for queue, _ in self._bells}),
            slots=len(self._bells),
            bell_of=self._bell_of,
            add_missing=self._add_missing,
            pace=self._pace,
        )
        with listener.running():
            try:
                yield
            finally:
                for bell in self._bells.values():
                    bell.close()

    def _bell_of(self, queue: str, job_id: int) -> Bell | None:
        """Return the bell for a wake-up; None for a destination that this process does not serve."""
        bell = self._bells.get((queue, None))
        if bell is not None:
            return bell
        job = self._jobs.get(job_id)
        return None if job is None else self._bells.get((queue, job.destination))
