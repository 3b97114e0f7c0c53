"""Whether a series is whole: a verdict from evidence (geometry, known counts, association ends, time). Pure."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.model.geometry import SeriesGeometry
from hounsfield.model.headers import SliceHeader
from hounsfield.storage.records import AssociationRecord, Verdict
from hounsfield.storage.states import AssociationEnding, Completeness, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a series besides the geometry of the part that is judged."""

    headers: Sequence[SliceHeader]
    """Of all its slices, those of other parts and localizers included."""
    associations: Sequence[AssociationRecord] = ()
    """That brought images of it."""
    unreadable: int = 0
    """Images whose header cannot be read."""
    received: int | None = None
    """SOP instances of the series that came; None: as many as there are headers."""
    known: int | None = None
    """SOP instances of the series in the PACS that was asked (C-FIND, Number of Series Related Instances)."""
    still_receiving: bool = False
    """The series is closed because of its age, not because it fell quiet."""
    missing_series: int = 0
    """Series of the study that the rule asks for and that did not come in time."""
    quiet_seconds: float = 0.0


def judge(geometry: SeriesGeometry, evidence: Evidence) -> Verdict:
    """Return the verdict with every reason that speaks against COMPLETE.

    INCOMPLETE means images are known to be missing; SUSPECT means they may be.
    """
    missing = _missing(geometry, evidence)
    doubtful = _doubtful(geometry, evidence)
    reasons = {**missing, **doubtful}
    doubt = Completeness.SUSPECT if doubtful else Completeness.COMPLETE
    completeness = Completeness.INCOMPLETE if missing else doubt
    return Verdict(
        completeness=completeness,
        reasons=tuple(reasons),
        remarks=tuple(reasons.values()),
        evidence=_facts(geometry, evidence),
    )


def _missing(geometry: SeriesGeometry, evidence: Evidence) -> dict[Reason, str]:
    found: dict[Reason, str] = {}
    if evidence.unreadable:
        found[Reason.UNREADABLE] = f"{counted(evidence.unreadable, 'image')} of the series cannot be read."
    if geometry.gaps:
        widest = max(gap.step_mm for gap in geometry.gaps)
        found[Reason.GAP] = f"Slices are missing at {counted(len(geometry.gaps), 'place')}: a step of {widest:.1f} mm."
    announced = _announced(evidence.headers)
    if announced is not None and announced > len(evidence.headers):
        found[Reason.FEWER_THAN_ANNOUNCED] = (
            f"{len(evidence.headers)} images received, the scanner announced {announced} in this acquisition."
        )
    received = _received(evidence)
    if evidence.known is not None and evidence.known > received:
        found[Reason.FEWER_THAN_KNOWN] = f"{received} images received, the PACS holds {evidence.known} of this series."
    return found


def _doubtful(geometry: SeriesGeometry, evidence: Evidence) -> dict[Reason, str]:
    found: dict[Reason, str] = {}
    if geometry.sparse:
        found[Reason.SPARSE] = "Regular steps wider than the slices are thick: every second slice may be missing."
    if ended_badly(evidence.associations):
        found[Reason.ASSOCIATION_ABORTED] = "A transfer was cut off; images at the ends of the series may be missing."
    if evidence.still_receiving:
        found[Reason.MAX_AGE] = "Images were still coming when the series was closed because of its age."
    if evidence.missing_series:
        found[Reason.REQUIRED_MISSING] = (
            f"{counted(evidence.missing_series, 'other series', 'other series')} of the study that should come with it "
            "did not come in time."
        )
    return found


def _facts(geometry: SeriesGeometry, evidence: Evidence) -> dict[str, object]:
    steps = geometry.steps_mm
    return {
        "slices": len(geometry.order),
        "received": _received(evidence),
        "announced": _announced(evidence.headers),
        "known_to_pacs": evidence.known,
        "associations": dict(Counter(str(one.ending) for one in evidence.associations)),
        "quiet_seconds": round(evidence.quiet_seconds, 1),
        "step_mm": round(statistics.median(steps), 3) if steps else None,
        "widest_step_mm": round(max(steps), 3) if steps else None,
        "gaps": len(geometry.gaps),
        "thickness_mm": list(geometry.thickness_mm),
        "coverage_mm": round(geometry.coverage_mm, 1),
        "tilt_degrees": round(geometry.tilt_degrees, 1),
        "orientation": "constant" if geometry.consistent_orientation else "mixed",
        "left_out": len(evidence.headers) - len(geometry.order),
    }


def _received(evidence: Evidence) -> int:
    return len(evidence.headers) if evidence.received is None else evidence.received


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``1 image``, ``2 images``."""
    return f"{number} {one}" if number == 1 else f"{number} {many or one + 's'}"


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
