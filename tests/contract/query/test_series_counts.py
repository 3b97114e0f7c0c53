"""One suite for everybody who says how many images an archive has of a series: nobody, the fake, a real C-FIND."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from support.fake_counts import FakeCounts
from support.query_peers import Archive, archive, peer_at
from support.waiting import wait_until

from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.query.series_counts import PENDING, UNKNOWN, Answer, Known, NoCounts, QueriedCounts, SeriesCounts

STUDY, SERIES, OTHER = "1.2.3", "1.2.3.4", "1.2.3.5"
Hold = Callable[[str, int], None]


class Case:
    """An implementation, and a way to tell what the archive behind it holds; None where there is none."""

    def __init__(self, counts: SeriesCounts, hold: Hold | None) -> None:
        self.counts = counts
        self.hold = hold

    def settled(self, series_uid: str = SERIES, version: int = 1) -> Answer:
        def answer() -> Answer | None:
            found = self.counts.ask(STUDY, series_uid, version)
            return None if found is PENDING else found

        return wait_until(answer, 10)


@pytest.fixture(scope="module")
def library() -> Iterator[Archive]:
    with archive() as running:
        yield running


@pytest.fixture(params=["nobody", "fake", "slow fake", "archive"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with ExitStack() as stack:
        if request.param == "nobody":
            made = Case(NoCounts(), None)
        elif request.param == "archive":
            running: Archive = request.getfixturevalue("library")
            running.images.clear()
            counts = QueriedCounts(peer_at(running.port), SystemClock(), lambda uid: "h")
            made = Case(counts, lambda uid, images: running.images.__setitem__((STUDY, uid), images))
        else:
            fake = FakeCounts(looks=2 if request.param == "slow fake" else 0)
            made = Case(fake, fake.images.__setitem__)
        stack.callback(made.counts.close)
        yield made


def test_a_series_nobody_knows_is_unknown(case: Case) -> None:
    assert case.settled(OTHER) is UNKNOWN


def test_a_known_series_has_its_number_where_an_archive_is_asked(case: Case) -> None:
    if case.hold is not None:
        case.hold(SERIES, 42)
    assert case.settled() == (UNKNOWN if case.hold is None else Known(42))


def test_the_answer_to_one_look_stays_and_another_look_asks_anew(case: Case) -> None:
    if case.hold is not None:
        case.hold(SERIES, 10)
    first = case.settled(version=1)
    if case.hold is not None:
        case.hold(SERIES, 12)
    assert case.settled(version=1) == first
    assert case.settled(version=2) == (UNKNOWN if case.hold is None else Known(12))


def test_what_is_no_uid_is_unknown(case: Case) -> None:
    for wild in ("*", "1.2.3.4\\1.2.3.5", "", "1." * 40, "1.2.3.?", "NAME^PATIENT"):
        assert case.settled(wild) is UNKNOWN


def test_asking_never_waits(case: Case) -> None:
    began = time.monotonic()
    for number in range(50):
        case.counts.ask(STUDY, f"1.2.3.{number + 100}", 1)
    assert time.monotonic() - began < 1.0


def test_after_the_end_nobody_is_asked(case: Case) -> None:
    if case.hold is not None:
        case.hold(SERIES, 10)
    case.counts.close()
    assert case.counts.ask(STUDY, SERIES, 1) is UNKNOWN
