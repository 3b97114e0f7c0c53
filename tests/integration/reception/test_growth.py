"""What thousands of associations, and a long series, leave behind in the receiver."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.attacks.limits import Limits, shortcomings
from support.attacks.stores import negotiate_only, send_series
from support.attacks.watch import observe, steady, warm_up
from support.receiver_process import ReceiverProcess, running
from support.waiting import wait_until
from support.wire import associate_rq

ASSOCIATIONS, AT_ONCE = 2000, 4
MB_PER_THOUSAND = 1.0
SLICES, SLICE_BYTES = 150, 525_000
MOST_RSS_MB = 300


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    home = tmp_path_factory.mktemp("growing") / "home"
    with running(ReceiverProcess(home)) as process:
        warm_up(process)
        yield process


def associate_often(port: int, count: int) -> None:
    request = associate_rq()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: negotiate_only(port, count // AT_ONCE, request), range(AT_ONCE)))


def test_two_thousand_associations_leave_no_memory_thread_or_descriptor_behind(receiver):
    associate_often(receiver.port, ASSOCIATIONS // 2)  # until the allocator has what it needs
    before = steady(receiver)
    associate_often(receiver.port, ASSOCIATIONS // 2)
    wait_until(lambda: receiver.vitals().threads <= before.threads, 5)
    after = steady(receiver)
    assert after.descriptors <= before.descriptors
    assert after.rss_mb - before.rss_mb <= MB_PER_THOUSAND * ASSOCIATIONS / 2 / 1000


def test_a_long_series_does_not_pile_up_in_memory(receiver):
    failed, seen = observe(receiver, lambda _: send_series(receiver.port, SLICES, SLICE_BYTES))
    assert failed == []
    assert shortcomings(seen, Limits(rss_peak_mb=24)) == []
    assert receiver.vitals().rss_mb <= MOST_RSS_MB
