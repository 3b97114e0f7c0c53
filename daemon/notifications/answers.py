"""What the answer to a notification means: done, later, or never. Pure."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from hounsfield.daemon.delivery.retry import PERMANENT_ATTEMPTS, Complete, Decision, Discard, RetryLater, delay
from hounsfield.daemon.notifications.facts import ResultFacts
from hounsfield.storage.states import Reason

LONGEST_WISH = timedelta(hours=1)
"""How far a receiver can put us off (HTTP Retry-After)."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver does not want this message."""

    answer: str
    """The code of its answer, of a closed set: ``AE``, ``HTTP 403``."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer that can be understood, or one that asks for patience."""

    problem: str
    """In our words, or those of the operating system."""
    wait: timedelta | None = None
    """How long the receiver wishes to be left alone."""


Answer = Accepted | Refused | NoAnswer


class Sender(Protocol):
    """A way to one receiver of notifications."""

    def send(self, facts: ResultFacts) -> Answer:
        """Tell it, and wait for its answer. The same facts always give the same bytes."""


def decide(
    answer: Answer,
    attempts: int,
    now: datetime,
    give_up_at: datetime | None,
    rng: random.Random,
    refusals: int = 0,
) -> Decision:
    """Return what to do after the ``attempts``-th try (1 is the first), the ``refusals``-th that was refused.

    Nobody is given up before ``give_up_at`` because they do not answer. Who refuses is asked a few hours long, as a
    PACS is: an administrator can set it right meanwhile, and of HL7 an AR may mean no more than "not now"
    (2.5.1 section 2.9.2.2).
    """
    match answer:
        case Accepted():
            return Complete()
        case Refused():
            reason = Reason.REFUSED_MESSAGE
        case NoAnswer():
            reason = Reason.NO_ANSWER
    if give_up_at is not None and now >= give_up_at:
        return Discard(Reason.DEADLINE)
    if isinstance(answer, Refused) and refusals >= PERMANENT_ATTEMPTS:
        return Discard(reason)
    at = now + pause_after(answer, attempts, rng)
    return RetryLater(at if give_up_at is None else min(at, give_up_at), reason)


def pause_after(answer: Answer, attempts: int, rng: random.Random) -> timedelta:
    """Return how long to wait after so many tries: longer each time, and longer where the receiver wishes it."""
    wish = answer.wait if isinstance(answer, NoAnswer) and answer.wait is not None else timedelta()
    return max(delay(attempts, rng), min(wish, LONGEST_WISH))


def detail_of(answer: Answer) -> dict[str, object]:
    """Return what the job log says of an answer."""
    match answer:
        case Accepted():
            return {}
        case Refused(answer=code):
            return {"answer": code}
        case NoAnswer(problem=problem):
            return {"answer": problem}
