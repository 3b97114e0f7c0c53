"""Whether a series is whole: a verdict from evidence (geometry, announced counts, association ends). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.model.geometry import SeriesGeometry
from hounsfield.model.headers import SliceHeader
from hounsfield.storage.records import AssociationRecord, Verdict
from hounsfield.storage.states import AssociationEnding, Completeness, Reason


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the headers and associations do not say."""

    unreadable: int = 0
    """Images whose header cannot be read."""
    still_receiving: bool = False
    """The series is closed because of its age, not because it fell quiet."""


def judge(
    headers: Sequence[SliceHeader],
    geometry: SeriesGeometry,
    associations: Sequence[AssociationRecord],
    evidence: Evidence,
) -> Verdict:
    """Return the verdict with every reason that speaks against COMPLETE.

    INCOMPLETE means images are known to be missing; SUSPECT means they may be.
    """
    missing: dict[Reason, str] = {}
    doubtful: dict[Reason, str] = {}
    if evidence.unreadable:
        missing[Reason.UNREADABLE] = f"{_count(evidence.unreadable, 'image')} of the series cannot be read."
    if geometry.gaps:
        widest = max(gap.step_mm for gap in geometry.gaps)
        missing[Reason.GAP] = f"Slices are missing at {_count(len(geometry.gaps), 'place')}: a step of {widest:.1f} mm."
    announced = _announced(headers)
    if announced is not None and announced > len(headers):
        missing[Reason.FEWER_THAN_ANNOUNCED] = (
            f"{len(headers)} images received, the scanner announced {announced} in this acquisition."
        )
    if geometry.sparse:
        doubtful[Reason.SPARSE] = "Regular steps wider than the slices are thick: every second slice may be missing."
    if ended_badly(associations):
        doubtful[Reason.ASSOCIATION_ABORTED] = (
            "A transfer was cut off; images at the ends of the series may be missing."
        )
    if evidence.still_receiving:
        doubtful[Reason.MAX_AGE] = "Images were still coming when the series was closed because of its age."
    reasons = {**missing, **doubtful}
    doubt = Completeness.SUSPECT if doubtful else Completeness.COMPLETE
    completeness = Completeness.INCOMPLETE if missing else doubt
    return Verdict(completeness=completeness, reasons=tuple(reasons), remarks=tuple(reasons.values()))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _announced(headers: Sequence[SliceHeader]) -> int | None:
    """Images in Acquisition (0020,1002), where the whole series is one acquisition; else it says nothing."""
    if len({header.acquisition_number for header in headers}) != 1:
        return None
    counts = {header.images_in_acquisition for header in headers}
    return counts.pop() if len(counts) == 1 else None


def ended_badly(associations: Sequence[AssociationRecord]) -> bool:
    """Return whether an association broke off and none that was released later made up for it."""
    broken = [a for a in associations if a.ending in (AssociationEnding.ABORTED, AssociationEnding.LOST)]
    if not broken:
        return False
    last_break = max(a.ended_at or a.opened_at for a in broken)
    released = [a for a in associations if a.ending is AssociationEnding.RELEASED]
    return not any((a.ended_at or a.opened_at) >= last_break for a in released)
