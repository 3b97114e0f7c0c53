"""Which of our objects does an archive find? C-FIND at level IMAGE, or, where it has none, a count of the series."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from hounsfield.daemon.query.archive import QueryPeer, Unanswered, Why
from hounsfield.daemon.query.raw_values import raw_text
from hounsfield.daemon.query.scu import find

_NUMBER = re.compile(r"\+?[0-9]{1,9}")
_INSTANCE_UID, _SERIES_UID, _SERIES_IMAGES = 0x0008_0018, 0x0020_000E, 0x0020_1209


@dataclass(frozen=True, slots=True)
class SeriesAtPeer:
    """A series of ours with the SOP Instance UIDs that were sent of it."""

    study_uid: str
    series_uid: str
    sop_instance_uids: tuple[str, ...]


def instances_at(peer: QueryPeer, series: Sequence[SeriesAtPeer], monotonic: Callable[[], float]) -> set[str]:
    """Return those SOP Instance UIDs that the archive has; raise :class:`Unanswered`.

    An archive that answers nothing at level IMAGE (PS3.4 C.6.2.1) is asked how many objects the series have: they are
    ours alone, so all are there if the numbers agree.
    """
    try:
        answers = find(peer, [_image_keys(one) for one in series], monotonic)
        found = {raw_text(match, _INSTANCE_UID) for answer in answers for match in answer}
    except Unanswered as failure:
        if failure.why is not Why.FAILED:
            raise
        found = set()
    wanted = {uid for one in series for uid in one.sop_instance_uids}
    return found & wanted or _by_count(peer, series, monotonic)


def _by_count(peer: QueryPeer, series: Sequence[SeriesAtPeer], monotonic: Callable[[], float]) -> set[str]:
    answers = find(peer, [_series_keys(one) for one in series], monotonic)
    return {
        uid
        for one, matches in zip(series, answers, strict=True)
        if _count(matches, one.series_uid) >= len(one.sop_instance_uids)
        for uid in one.sop_instance_uids
    }


def _image_keys(one: SeriesAtPeer) -> Dataset:
    """Ask for a single object by its UID, and for all of the series otherwise: not every archive knows lists."""
    keys = _keys("IMAGE", one)
    keys.SOPInstanceUID = one.sop_instance_uids[0] if len(one.sop_instance_uids) == 1 else None
    return keys


def _series_keys(one: SeriesAtPeer) -> Dataset:
    keys = _keys("SERIES", one)
    keys.NumberOfSeriesRelatedInstances = None
    return keys


def _keys(level: str, one: SeriesAtPeer) -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel = level
    keys.StudyInstanceUID = one.study_uid
    keys.SeriesInstanceUID = one.series_uid
    return keys


def _count(matches: Sequence[Dataset], series_uid: str) -> int:
    """Return how many objects the archive has of a series; raise :class:`Unanswered` if it does not say."""
    ours = [match for match in matches if raw_text(match, _SERIES_UID) == series_uid]
    if not ours:
        return 0
    number = raw_text(ours[0], _SERIES_IMAGES)
    if not _NUMBER.fullmatch(number):
        raise Unanswered(Why.NONSENSE)
    return int(number)
