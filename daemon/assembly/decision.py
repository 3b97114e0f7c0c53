"""What may become of a series at a look. The decider returns one of these, the assembler does what it says."""

from dataclasses import dataclass
from typing import Final

from hounsfield.storage.records import InferRequest, Verdict
from hounsfield.storage.states import Reason

SOON: Final = 1.0
"""Seconds until an answer that is on its way, or another series' turn, is asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing yet: look again."""

    seconds: float
    why: str
    """For `rules explain`: what it waits for. No patient data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """SKIPPED: nothing is analysed and nothing is said about it."""

    reason: Reason
    remarks: tuple[str, ...] = ()
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """HELD: a person decides."""

    reason: Reason
    remarks: tuple[str, ...] = ()
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """CLOSED again at the same revision: only copies came that say the same."""

    variants: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """CLOSED at the next revision, with its INFER jobs."""

    snapshot: tuple[int, ...]
    verdict: Verdict
    requests: tuple[InferRequest, ...]
    variants: tuple[int, ...]
    rule: str


Decision = Wait | Skip | Hold | Unchanged | Close
