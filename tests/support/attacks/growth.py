"""How a server's memory, threads and descriptors grow with the associations it has served."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from support.attacks.stores import negotiate_only
from support.attacks.watch import steady
from support.receiver_process import ServerProcess
from support.waiting import wait_until
from support.wire import associate_rq

MB_PER_THOUSAND = 1.0
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Growth:
    """What the second half of the associations added to what the first half had left."""

    mb_per_thousand: float
    threads: int
    descriptors: int

    @property
    def is_flat(self) -> bool:
        return self.mb_per_thousand <= MB_PER_THOUSAND and self.threads <= 0 and self.descriptors <= 0

    def __str__(self) -> str:
        return f"{self.mb_per_thousand:+.2f} MB per 1,000, {self.threads:+d} threads, {self.descriptors:+d} descriptors"


def grow(server: ServerProcess, count: int) -> Growth:
    """Associate and release ``count`` times; the first half is for the allocator to get what it needs."""
    _associate(server.port, count // 2)
    before = steady(server)
    _associate(server.port, count // 2)
    with suppress(AssertionError):
        wait_until(lambda: server.vitals().threads <= before.threads, 10)
    after = steady(server)
    return Growth(
        (after.rss_mb - before.rss_mb) / (count / 2 / 1000),
        after.threads - before.threads,
        after.descriptors - before.descriptors,
    )


def _associate(port: int, count: int) -> None:
    request = associate_rq()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda _: negotiate_only(port, count // _AT_ONCE, request), range(_AT_ONCE)))
