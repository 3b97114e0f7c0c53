"""How many images of a series an archive knows: asked beside the assembler, which never waits for it."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.query.archive import QueryPeer, Unanswered, Why
from hounsfield.daemon.query.series_images import images_of

log = structlog.get_logger("hounsfield.query")

THREADS = 2
MOST_QUESTIONS = 4096
"""Kept at a time, answered or not."""
PAUSE_SECONDS = 30.0
"""How long an archive that does not answer is left alone."""
PATIENCE = 2.0
"""A question whose exchange takes so many times ``query.timeout_seconds`` is answered UNKNOWN, and so is one that
waits while no other is answered for so long."""
LONGEST_WAIT_SECONDS = 10.0
"""However many others are before it."""


class NoAnswer(Enum):
    """There is no number."""

    PENDING = "pending"
    """The archive is asked; look again soon. It ends within :data:`LONGEST_WAIT_SECONDS`, mostly at once."""
    UNKNOWN = "unknown"
    """It cannot be asked, did not answer, or said nothing that makes sense."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the archive says."""

    images: int
    """Number of Series Related Instances (0020,1209), at least 1."""


PENDING: Final = NoAnswer.PENDING
UNKNOWN: Final = NoAnswer.UNKNOWN
Answer = Known | NoAnswer


class SeriesCounts(Protocol):
    """Knows, or asks for, the number of images of a series. Never waits, never raises."""

    def ask(self, study_uid: str, series_uid: str, version: int) -> Answer:
        """Return what is known of the series at this look at it.

        ``version`` is :attr:`SeriesRecord.version`: another one is another look, and the archive is asked anew.
        An answer that is not PENDING stays the same for the same look.
        """

    def close(self) -> None:
        """Ask nothing any more."""


class NoCounts:
    """For an installation without ``[query]``."""

    def ask(self, study_uid: str, series_uid: str, version: int) -> Answer:  # noqa: ARG002 - nobody is asked
        """Return UNKNOWN."""
        return UNKNOWN

    def close(self) -> None:
        """Nothing was open."""


@dataclass(slots=True)
class _Question:
    study_uid: str
    series_uid: str
    version: int
    asked_at: float
    began_at: float | None = None
    """When a thread took it up."""
    answer: Answer = PENDING


class QueriedCounts:
    """Asks an archive by C-FIND, in a few threads of its own.

    An archive that is down, slow or refuses is left alone for :data:`PAUSE_SECONDS`, then one question tries it again.
    """

    def __init__(
        self,
        peer: QueryPeer,
        clock: Clock,
        hasher: Callable[[str], str],
        find: Callable[[QueryPeer, str, str], int] = images_of,
    ) -> None:
        self._peer = peer
        self._clock = clock
        self._hasher = hasher
        self._find = find
        self._lock = threading.Lock()
        self._questions: dict[str, _Question] = {}
        self._queue: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._left_alone_until: float | None = None
        self._settled_at = clock.monotonic()
        """When any question was answered last."""
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def ask(self, study_uid: str, series_uid: str, version: int) -> Answer:
        """See :class:`SeriesCounts`."""
        now = self._clock.monotonic()
        with self._lock:
            known = self._questions.get(series_uid)
            if known is not None and (known.study_uid, known.version) == (study_uid, version):
                if known.answer is PENDING and self._is_overdue(known, now):
                    known.answer = UNKNOWN
                return known.answer
            if self._is_closed or not self._has_room(series_uid):
                return UNKNOWN
            question = _Question(study_uid, series_uid, version, now)
            self._questions.pop(series_uid, None)
            self._questions[series_uid] = question
            if not self._may_try(now):
                question.answer = UNKNOWN
                return UNKNOWN
            self._start_threads()
        self._queue.put(question)
        return PENDING

    def close(self) -> None:
        """See :class:`SeriesCounts`."""
        with self._lock:
            self._is_closed = True
            for question in self._questions.values():
                if question.answer is PENDING:
                    question.answer = UNKNOWN
        for _ in self._threads:
            self._queue.put(None)

    def _has_room(self, series_uid: str) -> bool:
        """Whether one more question can be kept; the oldest that is answered makes way."""
        if series_uid in self._questions or len(self._questions) < MOST_QUESTIONS:
            return True
        answered = next((uid for uid, one in self._questions.items() if one.answer is not PENDING), None)
        if answered is None:
            return False
        del self._questions[answered]
        return True

    def _is_overdue(self, question: _Question, now: float) -> bool:
        """Whether nobody should wait for it: also a thread may hang, since looking up a name has no deadline."""
        moved = max(question.asked_at, self._settled_at) if question.began_at is None else question.began_at
        return now - moved >= PATIENCE * self._peer.timeout_seconds or now - question.asked_at >= LONGEST_WAIT_SECONDS

    def _may_try(self, now: float) -> bool:
        return self._left_alone_until is None or now >= self._left_alone_until

    def _start_threads(self) -> None:
        """Start them with the first question; they do not keep the process from ending."""
        while len(self._threads) < THREADS:
            thread = threading.Thread(target=self._work, name=f"query-{len(self._threads) + 1}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (question := self._queue.get()) is not None:
            if self._begin(question):
                self._settle(question)

    def _begin(self, question: _Question) -> bool:
        """Whether the archive is to be asked now; after a failure one question goes first, alone."""
        now = self._clock.monotonic()
        with self._lock:
            if question.answer is not PENDING:
                return False
            if not self._may_try(now):
                question.answer = UNKNOWN
                return False
            if self._left_alone_until is not None:
                self._left_alone_until = now + PAUSE_SECONDS
            question.began_at = now
            return True

    def _settle(self, question: _Question) -> None:
        answer: Answer = UNKNOWN
        why: Why | None = None
        try:
            answer = Known(self._find(self._peer, question.study_uid, question.series_uid))
        except Unanswered as failure:
            why = failure.why
            if why is not Why.NO_MATCH:
                series = self._hasher(question.series_uid)
                log.warning("the archive does not tell how many images it has", series=series, reason=str(why))
        except Exception as error:
            why = Why.BROKEN
            log.exception("asking the archive failed", error=type(error).__name__)
        with self._lock:
            self._settled_at = self._clock.monotonic()
            is_left_alone = why is not None and why.is_of_the_peer
            self._left_alone_until = self._settled_at + PAUSE_SECONDS if is_left_alone else None
            if question.answer is PENDING:
                question.answer = answer


def peer_of(settings: Settings) -> QueryPeer | None:
    """Return the archive that ``[query]`` names; None where it names none."""
    query = settings.query
    if query.host is None or query.port is None or query.ae_title is None:
        return None
    return QueryPeer(
        host=query.host,
        port=query.port,
        ae_title=query.ae_title,
        calling_ae=query.calling_ae or settings.dicom.ae_title,
        timeout_seconds=query.timeout_seconds,
    )


def open_counts(settings: Settings, clock: Clock, hasher: Callable[[str], str]) -> SeriesCounts:
    """Return who answers what ``[query]`` asks for."""
    peer = peer_of(settings)
    return NoCounts() if peer is None else QueriedCounts(peer, clock, hasher)
