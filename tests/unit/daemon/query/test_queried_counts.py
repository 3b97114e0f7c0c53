"""Asking beside the assembler: one look one question, and an archive in trouble is left alone."""

import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from support.fakes import ManualClock
from support.query_peers import peer_at
from support.waiting import wait_until

from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.query import series_counts
from hounsfield.daemon.query.archive import QueryPeer, Unanswered, Why
from hounsfield.daemon.query.series_counts import (
    PAUSE_SECONDS,
    PENDING,
    UNKNOWN,
    Answer,
    Known,
    NoCounts,
    QueriedCounts,
    open_counts,
)

STUDY = "1.2.3"


class Peer:
    """Stands in for the exchange: answers with what it is told to, and can be held up."""

    def __init__(self, answer: int | Why | Exception = 7) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._one = threading.Semaphore(0)

    def let_one_go(self) -> None:
        """While nobody may answer: one question that is asked, or the next one, is."""
        self._one.release()

    def find(self, peer: QueryPeer, study_uid: str, series_uid: str) -> int:
        self.asked.append(series_uid)
        while not self.may_answer.wait(0.005) and not self._one.acquire(blocking=False):
            pass
        if isinstance(self.answer, Why):
            raise Unanswered(self.answer)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Bench:
    def __init__(self, answer: int | Why | Exception = 7) -> None:
        self.clock = ManualClock()
        self.peer = Peer(answer)
        self.counts = QueriedCounts(peer_at(1, seconds=3.0), self.clock, lambda uid: "h:1", self.peer.find)

    def settled(self, series_uid: str, version: int = 1) -> Answer:
        def answer() -> Answer | None:
            found = self.counts.ask(STUDY, series_uid, version)
            return None if found is PENDING else found

        return wait_until(answer)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.counts.close()
    made.peer.may_answer.set()


def test_one_look_is_one_question(bench: Bench) -> None:
    assert [bench.settled("1.1") for _ in range(5)] == [Known(7)] * 5
    assert bench.peer.asked == ["1.1"]
    assert bench.settled("1.1", version=2) == Known(7)
    assert bench.peer.asked == ["1.1", "1.1"]


@pytest.mark.parametrize("why", [Why.UNREACHABLE, Why.TOO_SLOW, Why.REJECTED, Why.BUSY, Why.BROKEN])
def test_an_archive_in_trouble_is_left_alone_for_half_a_minute(why: Why) -> None:
    bench = Bench(why)
    assert bench.settled("1.1") is UNKNOWN
    for number in range(20):
        assert bench.counts.ask(STUDY, f"1.2.{number}", 1) is UNKNOWN
    bench.clock.advance(PAUSE_SECONDS - 1)
    assert bench.counts.ask(STUDY, "1.3", 1) is UNKNOWN
    assert len(bench.peer.asked) == 1
    bench.clock.advance(1)
    assert bench.settled("1.4") is UNKNOWN
    assert bench.counts.ask(STUDY, "1.5", 1) is UNKNOWN
    assert bench.peer.asked == ["1.1", "1.4"]


def test_an_archive_that_is_back_is_asked_as_before() -> None:
    bench = Bench(Why.UNREACHABLE)
    assert bench.settled("1.1") is UNKNOWN
    bench.clock.advance(PAUSE_SECONDS)
    bench.peer.answer = 5
    assert bench.settled("1.2") == Known(5)
    assert bench.settled("1.3") == Known(5)


def test_after_the_pause_one_question_goes_first_alone() -> None:
    bench = Bench(Why.UNREACHABLE)
    bench.settled("1.1")
    bench.clock.advance(PAUSE_SECONDS)
    bench.peer.may_answer.clear()
    assert bench.counts.ask(STUDY, "1.2", 1) is PENDING
    wait_until(lambda: len(bench.peer.asked) == 2)
    assert bench.counts.ask(STUDY, "1.3", 1) is UNKNOWN
    bench.peer.may_answer.set()
    assert bench.settled("1.2") is UNKNOWN
    assert bench.peer.asked == ["1.1", "1.2"]


@pytest.mark.parametrize("why", [Why.NO_MATCH, Why.AMBIGUOUS, Why.NONSENSE, Why.FAILED])
def test_an_answer_that_makes_no_sense_says_nothing_of_the_next_series(why: Why) -> None:
    bench = Bench(why)
    assert bench.settled("1.1") is UNKNOWN
    bench.peer.answer = 9
    assert bench.settled("1.2") == Known(9)


def test_a_question_that_hangs_becomes_unknown_and_stays_it(bench: Bench) -> None:
    bench.peer.may_answer.clear()
    assert bench.counts.ask(STUDY, "1.1", 1) is PENDING
    bench.clock.advance(5.9)
    assert bench.counts.ask(STUDY, "1.1", 1) is PENDING
    bench.clock.advance(0.2)
    assert bench.counts.ask(STUDY, "1.1", 1) is UNKNOWN
    bench.peer.may_answer.set()
    assert bench.settled("1.2") == Known(7)
    assert bench.counts.ask(STUDY, "1.1", 1) is UNKNOWN


def test_a_question_waits_its_turn_as_long_as_others_are_answered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series_counts, "LONGEST_WAIT_SECONDS", 1000.0)
    bench.peer.may_answer.clear()
    uids = [f"1.{number}" for number in range(40)]
    assert [bench.counts.ask(STUDY, uid, 1) for uid in uids] == [PENDING] * 40
    assert bench.counts.ask(STUDY, uids[-1], 1) is PENDING
    bench.clock.advance(5.9)
    answered = len(bench.peer.asked)
    bench.peer.let_one_go()
    wait_until(lambda: len(bench.peer.asked) > answered)
    bench.clock.advance(5.9)
    assert bench.counts.ask(STUDY, uids[-1], 1) is PENDING
    bench.clock.advance(0.2)
    assert bench.counts.ask(STUDY, uids[-1], 1) is UNKNOWN


def test_nobody_waits_longer_than_the_longest_wait_however_many_are_before(bench: Bench) -> None:
    bench.peer.may_answer.clear()
    for number in range(40):
        bench.counts.ask(STUDY, f"1.{number}", 1)
    for _ in range(3):
        bench.clock.advance(series_counts.LONGEST_WAIT_SECONDS / 3 - 0.1)
        asked = len(bench.peer.asked)
        bench.peer.let_one_go()
        wait_until(lambda seen=asked: len(bench.peer.asked) > seen)
    assert bench.counts.ask(STUDY, "1.39", 1) is PENDING
    bench.clock.advance(0.4)
    assert bench.counts.ask(STUDY, "1.39", 1) is UNKNOWN


def test_however_many_series_come_few_are_asked_at_a_time_and_few_are_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series_counts, "MOST_QUESTIONS", 10)
    bench.peer.may_answer.clear()
    answers = [bench.counts.ask(STUDY, f"1.{number}", 1) for number in range(30)]
    assert answers == [PENDING] * 10 + [UNKNOWN] * 20
    wait_until(lambda: len(bench.peer.asked) == series_counts.THREADS)
    bench.peer.may_answer.set()
    assert [bench.settled(f"1.{number}") for number in range(10)] == [Known(7)] * 10
    assert bench.settled("1.99") == Known(7)
    assert len(bench.peer.asked) == 11


def test_a_failure_nobody_thought_of_ends_no_thread() -> None:
    bench = Bench(RuntimeError("1.2.3 DOE^JOHN"))
    with capture_logs() as logs:
        assert [bench.settled(f"1.{number}") for number in range(3)] == [UNKNOWN] * 3
    bench.clock.advance(PAUSE_SECONDS)
    bench.peer.answer = 4
    assert bench.settled("1.9") == Known(4)
    assert "DOE" not in str([{k: v for k, v in line.items() if k != "exc_info"} for line in logs])


def test_the_log_says_why_and_neither_uid_nor_what_came() -> None:
    bench = Bench(Why.NONSENSE)
    with capture_logs() as logs:
        bench.settled("1.2.3.4")
    (line,) = logs
    assert (line["reason"], line["series"]) == ("nonsense", "h:1")
    assert "1.2.3.4" not in str(line)


def test_a_series_the_archive_does_not_know_yet_is_no_news() -> None:
    bench = Bench(Why.NO_MATCH)
    with capture_logs() as logs:
        assert bench.settled("1.2.3.4") is UNKNOWN
    assert logs == []


def test_without_a_host_nobody_is_asked() -> None:
    assert isinstance(open_counts(Settings(), SystemClock(), str), NoCounts)
    asked = open_counts(Settings(query={"host": "pacs", "port": 104, "ae_title": "PACS"}), SystemClock(), str)
    assert isinstance(asked, QueriedCounts)
