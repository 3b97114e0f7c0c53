"""What an attack does to a server, seen from outside: is an honest sender served, and what does it cost."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self, TypeVar

from support.datasets import tiny
from support.receiver_process import Target
from support.vitals import Vitals
from support.waiting import wait_until
from support.wire import ALLOWED, Closed, Connection, new_uid

T = TypeVar("T")

SERVED_SECONDS = 2.0
"""An honest sender must not take longer for association, image and release together."""
_PATIENCE_SECONDS = 4.0
_PAUSE_SECONDS = 0.25
_SAMPLE_SECONDS = 0.05
_WARM_UP = 8


def store_one(port: int, *, source: str = ALLOWED, tls: ssl.SSLContext | None = None) -> float:
    """Associate, store an image, release; return the seconds it took. Raise OSError, Closed or AssertionError."""
    begun = time.monotonic()
    connection = Connection.open(port, source, seconds=_PATIENCE_SECONDS, tls=tls)
    try:
        connection.associate()
        instance = new_uid()
        status = connection.store(tiny(instance=instance), instance)
        assert status == 0x0000, f"the honest sender was answered {status:04X}"
        connection.release()
    finally:
        connection.close()
    return time.monotonic() - begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen; megabytes, threads and descriptors are compared with the moment before the attack."""

    served: tuple[float, ...]
    """Seconds of each time that the honest sender was served."""
    failed: int
    cpu_percent: float
    """Of one core, while the attack stood."""
    rss_peak_mb: float
    rss_left_mb: float
    threads_left: int
    descriptors_left: int
    is_alive: bool

    @property
    def slowest(self) -> float:
        return float("inf") if self.failed or not self.served else max(self.served)

    @property
    def is_served(self) -> bool:
        """Whether the honest sender was served in time, throughout."""
        return self.slowest <= SERVED_SECONDS


class Watch:
    """Lets an honest sender store again and again, and looks at the server's memory, as long as the block lasts."""

    def __init__(self, target: Target, *, port: int | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.served: list[float] = []
        self.failed = 0
        self.cpu_percent = 0.0
        self.peak_mb = 0.0
        self._target = target
        self._port = target.port if port is None else port
        self._tls = tls
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._sample)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Measure the CPU time of the server while the block lasts: the attack has been set up and stands."""
        begun, before = time.monotonic(), self._cpu()
        yield
        self.cpu_percent = 100 * (self._cpu() - before) / (time.monotonic() - begun)

    def _cpu(self) -> float:
        with suppress(OSError):
            return self._target.vitals().cpu_seconds
        return 0.0

    def _send(self) -> None:
        while True:
            try:
                self.served.append(store_one(self._port, tls=self._tls))
            except (OSError, Closed, AssertionError):
                self.failed += 1
            if self._over.wait(_PAUSE_SECONDS):
                return

    def _sample(self) -> None:
        while True:
            with suppress(OSError):
                self.peak_mb = max(self.peak_mb, self._target.vitals().rss_mb)
            if self._over.wait(_SAMPLE_SECONDS):
                return


def warm_up(target: Target) -> None:
    """Let the server load what it loads at first use, and open what it keeps open."""
    with ThreadPoolExecutor(_WARM_UP) as pool:
        list(pool.map(store_one, [target.port] * _WARM_UP))
    steady(target)


def steady(target: Target, seconds: float = 10.0) -> Vitals:
    """Wait until threads and descriptors have not changed for a moment; return what they are."""
    seen: list[Vitals] = []

    def is_steady() -> bool:
        seen.append(target.vitals())
        last = [(one.threads, one.descriptors) for one in seen[-8:]]
        return len(last) == 8 and len(set(last)) == 1

    with suppress(AssertionError):
        wait_until(is_steady, seconds, 0.04)
    return seen[-1]


def observe(
    target: Target,
    attack: Callable[[Watch], T],
    *,
    port: int | None = None,
    tls: ssl.SSLContext | None = None,
    settle_seconds: float = 5.0,
) -> tuple[T, Observed]:
    """Attack a server and watch it; return what the attack returned, and what was seen.

    ``settle_seconds``: how long threads and descriptors may take to be as before.
    """
    before = steady(target)
    with Watch(target, port=port, tls=tls) as watch:
        result = attack(watch)
    after = _settled(target, before, settle_seconds) if target.is_alive() else Vitals(0.0, 0.0, 0, 0)
    return result, Observed(
        served=tuple(watch.served),
        failed=watch.failed,
        cpu_percent=watch.cpu_percent,
        rss_peak_mb=watch.peak_mb - before.rss_mb,
        rss_left_mb=after.rss_mb - before.rss_mb,
        threads_left=after.threads - before.threads,
        descriptors_left=after.descriptors - before.descriptors,
        is_alive=target.is_alive(),
    )


def _settled(target: Target, before: Vitals, seconds: float) -> Vitals:
    def is_as_before() -> bool:
        now = target.vitals()
        return now.threads <= before.threads and now.descriptors <= before.descriptors

    with suppress(AssertionError):
        wait_until(is_as_before, seconds, 0.05)
    return target.vitals()
