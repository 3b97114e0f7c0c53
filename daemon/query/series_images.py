"""How many images does an archive hold of a series? One question, and what counts as an answer to it."""

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hounsfield.daemon.query.archive import QueryPeer, Unanswered, Why
from hounsfield.daemon.query.raw_values import raw_text

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


def images_of(peer: QueryPeer, study_uid: str, series_uid: str) -> int:
    """Return Number of Series Related Instances (0020,1209) of a series; raise :class:`Unanswered`.

    Study Root Query/Retrieve FIND at level SERIES (PS3.4 C.6.2.1), on an association of its own.
    """
    if not (_is_uid(study_uid) and _is_uid(series_uid)):
        raise Unanswered(Why.NOT_A_UID)
    from hounsfield.daemon.query.scu import find  # the network library: only who asks pays for it

    (found,) = find(peer, [_keys(study_uid, series_uid)], time.monotonic)
    return _number_in(found, study_uid, series_uid)


def _is_uid(text: str) -> bool:
    """Whether this is one UID (PS3.5 9.1): no list of several, no wild card."""
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def _keys(study_uid: str, series_uid: str) -> "Dataset":
    from pydicom import Dataset

    keys = Dataset()
    keys.QueryRetrieveLevel = "SERIES"
    keys.StudyInstanceUID = study_uid
    keys.SeriesInstanceUID = series_uid
    keys.NumberOfSeriesRelatedInstances = None
    return keys


def _number_in(found: "Sequence[Dataset]", study_uid: str, series_uid: str) -> int:
    if not found:
        raise Unanswered(Why.NO_MATCH)
    if len(found) > 1:
        raise Unanswered(Why.AMBIGUOUS)
    (match,) = found
    images = raw_text(match, _SERIES_IMAGES)
    is_asked_for = raw_text(match, _SERIES_UID) == series_uid and raw_text(match, _STUDY_UID) == study_uid
    if not is_asked_for or not _NUMBER.fullmatch(images) or not 0 < int(images) <= MOST_IMAGES:
        raise Unanswered(Why.NONSENSE)
    return int(images)
