"""One question to one archive: how many images does it hold of this series? And why there may be no answer."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

MOST_IMAGES = 100_000
"""Of a series; more is no number of images."""
_NUMBER = re.compile(r"\+?[0-9]{1,9}")
_UID = re.compile(r"[0-9]{1,62}(\.[0-9]{1,62}){1,31}")
_LONGEST_UID = 64
_STUDY_UID, _SERIES_UID = 0x0020_000D, 0x0020_000E
_SERIES_IMAGES = 0x0020_1209
"""Number of Series Related Instances."""


class Why(StrEnum):
    """Why there is no number. Goes into the log; holds nothing of what the archive sent."""

    UNREACHABLE = "unreachable"
    TOO_SLOW = "too-slow"
    REJECTED = "rejected"
    """The association, or Study Root FIND."""
    BROKE_OFF = "association-broke-off"
    """Often: it does not allow us to query."""
    BUSY = "out-of-resources"
    BROKEN = "broken-protocol"
    FAILED = "failed-status"
    NO_MATCH = "no-match"
    """It does not know the series (yet)."""
    AMBIGUOUS = "more-than-one-match"
    NONSENSE = "nonsense"
    """Another series than was asked for, or no number of images."""
    NOT_A_UID = "not-a-uid"

    @property
    def is_of_the_peer(self) -> bool:
        """Whether the next question would fare no better."""
        return self in (Why.UNREACHABLE, Why.TOO_SLOW, Why.REJECTED, Why.BROKE_OFF, Why.BUSY, Why.BROKEN)


class NoNumber(Exception):
    """The archive did not tell."""

    def __init__(self, why: Why) -> None:
        self.why = why
        super().__init__(str(why))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPeer:
    """An archive that answers C-FIND."""

    host: str
    port: int
    ae_title: str
    calling_ae: str
    timeout_seconds: float
    """For the whole exchange, from the connection to the answer."""


def images_of(peer: QueryPeer, study_uid: str, series_uid: str, monotonic: Callable[[], float] = time.monotonic) -> int:
    """Return Number of Series Related Instances (0020,1209) of a series; raise :class:`NoNumber`.

    Study Root Query/Retrieve FIND at level SERIES (PS3.4 C.6.2.1), on an association of its own.
    """
    if not (_is_uid(study_uid) and _is_uid(series_uid)):
        raise NoNumber(Why.NOT_A_UID)
    from hounsfield.daemon.query.scu import matches_of  # the network library: only who asks pays for it

    return _number_in(matches_of(peer, study_uid, series_uid, monotonic), study_uid, series_uid)


def _is_uid(text: str) -> bool:
    """Whether this is one UID (PS3.5 9.1): no list of several, no wild card."""
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def _number_in(found: "Sequence[Dataset]", study_uid: str, series_uid: str) -> int:
    if not found:
        raise NoNumber(Why.NO_MATCH)
    if len(found) > 1:
        raise NoNumber(Why.AMBIGUOUS)
    (match,) = found
    images = _text(match, _SERIES_IMAGES)
    is_asked_for = _text(match, _SERIES_UID) == series_uid and _text(match, _STUDY_UID) == study_uid
    if not is_asked_for or not _NUMBER.fullmatch(images) or not 0 < int(images) <= MOST_IMAGES:
        raise NoNumber(Why.NONSENSE)
    return int(images)


def _text(match: "Dataset", tag: int) -> str:
    """Return a UID or IS without its padding, as it came: converting it could raise, or warn in the archive's words."""
    value = getattr(match.get_item(tag, keep_deferred=True), "value", None)
    return value.strip(b"\0 ").decode("latin-1") if isinstance(value, bytes) else ""
