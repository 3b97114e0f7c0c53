"""What thousands of associations, and a long series, leave behind in the receiver."""

from collections.abc import Iterator

import pytest
from support.attacks.growth import MB_PER_THOUSAND, grow
from support.attacks.limits import Limits, shortcomings
from support.attacks.stores import send_series
from support.attacks.watch import observe, warm_up
from support.receiver_process import ReceiverProcess, running

ASSOCIATIONS = 2000
SLICES, SLICE_BYTES = 150, 525_000
MOST_RSS_MB = 300


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    home = tmp_path_factory.mktemp("growing") / "home"
    with running(ReceiverProcess(home)) as process:
        warm_up(process)
        yield process


def test_two_thousand_associations_leave_no_memory_thread_or_descriptor_behind(receiver):
    growth = grow(receiver, ASSOCIATIONS)
    assert growth.mb_per_thousand <= MB_PER_THOUSAND
    assert growth.threads <= 0
    assert growth.descriptors <= 0


def test_a_long_series_does_not_pile_up_in_memory(receiver):
    failed, seen = observe(receiver, lambda _: send_series(receiver.port, SLICES, SLICE_BYTES))
    assert failed == []
    assert shortcomings(seen, Limits(rss_peak_mb=24)) == []
    assert receiver.vitals().rss_mb <= MOST_RSS_MB
