"""What a structured report says, read back from its bytes, and whether it is true of the images that were sent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread

_GROUP, _SUMMARY, _COMMENT, _IDENTIFIER = "125007", "121111", "121106", "112039"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_NEVER = ("absent", "negative", "normal", "clear")

Key = tuple[str, int | None]
"""SOP Instance UID, and the frame's number from 1; None for an instance that is no multi-frame object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an image that was sent shows, and of whom."""

    patient_id: bytes
    """As it stands in the data set, without padding."""
    study_uid: str
    series_uid: str
    score: float | None
    """What the model has to answer; None where nothing is drawn that it could read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A measurement group: a score and the images it is about."""

    of_slice: bool
    score: float | None
    images: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One report."""

    sop_instance_uid: str
    patient_id: bytes
    patient_name: bytes
    character_set: str
    study_uid: str
    description: str
    """Series Description."""
    summary: str
    comment: str
    evidence: tuple[tuple[str, str, str], ...]
    """Study, series and SOP Instance UID of every source image."""
    groups: tuple[Group, ...]
    predecessors: tuple[str, ...]

    @property
    def words(self) -> str:
        """All that a person reads."""
        return f"{self.description} | {self.summary} | {self.comment}"

    @property
    def is_analysed(self) -> bool:
        """Whether the model was asked."""
        return "NOT ANALYSED" not in self.description

    @property
    def flagged(self) -> tuple[Key, ...]:
        """The slices with a measurement group of their own."""
        return tuple(key for group in self.groups if group.of_slice for key in group.images)

    @classmethod
    def read(cls, path: Path) -> "Said":
        """Read a report."""
        report = dcmread(path)
        patient_id, patient_name = raw(report, "PatientID"), raw(report, "PatientName")
        items = list(_items(report))
        return cls(
            sop_instance_uid=str(report.SOPInstanceUID),
            patient_id=patient_id,
            patient_name=patient_name,
            character_set=str(report.get("SpecificCharacterSet", "")),
            study_uid=str(report.StudyInstanceUID),
            description=str(report.SeriesDescription),
            summary=_text(items, _SUMMARY),
            comment=_text(items, _COMMENT),
            evidence=_references(report.get("CurrentRequestedProcedureEvidenceSequence", [])),
            groups=tuple(_group(item) for item in items if _name(item) == _GROUP),
            predecessors=tuple(uid for _, _, uid in _references(report.get("PredecessorDocumentsSequence", []))),
        )


def contradictions(said: Said, sent: Mapping[Key, Sequence[Shown]]) -> list[str]:
    """Return what in a report is not true of what was sent.

    It may speak of one patient, one study and one series only, name no image that was not sent, and the score of a
    slice must be the one that is drawn into its pixels.
    """
    by_uid: dict[str, list[Shown]] = {}
    for (uid, _), shown in sent.items():
        by_uid.setdefault(uid, []).extend(shown)
    wrong = [f"it says '{word}'" for word in _NEVER if word in said.words.lower()]
    if len({series for _, series, _ in said.evidence}) != 1:
        wrong.append("it speaks of more than one series, or of none")
    for study, series, uid in said.evidence:
        here = [one for one in by_uid.get(uid, []) if one.series_uid == series]
        if study != said.study_uid or not any(one.study_uid == study for one in here):
            wrong.append("its evidence is an image that was never sent in this series of this study")
        if said.patient_id not in {one.patient_id for one in here}:
            wrong.append("its evidence is an image of another patient")
    evidence = {uid for _, _, uid in said.evidence}
    for group in said.groups:
        wrong += _contradictions(group, sent, evidence)
        if not said.is_analysed and group.score is not None:
            wrong.append("a series that was not analysed has a score")
    return wrong


def _contradictions(group: Group, sent: Mapping[Key, Sequence[Shown]], evidence: set[str]) -> Iterator[str]:
    for key in group.images:
        if key[0] not in evidence:
            yield "a group names an image that is not its evidence"
        elif key not in sent and (group.of_slice or key[1] is not None):  # without a frame: all of them
            yield "a group names an image or a frame that was never sent"
        elif group.of_slice and not any(_is_same(one.score, group.score) for one in sent[key]):
            yield f"a slice has the score {group.score}, drawn into it is another"


def _is_same(drawn: float | None, reported: float | None) -> bool:
    return drawn is not None and reported is not None and abs(drawn - reported) < 2e-6


def raw(image: Dataset, keyword: str) -> bytes:
    """Return the bytes of a text that nobody has decoded yet, without padding."""
    element = image.get_item(keyword)
    value = b"" if element is None else element.value
    return value.strip(b" \0") if isinstance(value, bytes) else str(value or "").strip().encode("latin-1", "replace")


def _group(item: Dataset) -> Group:
    children = list(item.ContentSequence)
    identifier = next(str(c.TextValue) for c in children if c.ValueType == "TEXT" and _name(c) == _IDENTIFIER)
    scores = [float(c.MeasuredValueSequence[0].NumericValue) for c in children if c.ValueType == "NUM"]
    references = [c.ReferencedSOPSequence[0] for c in children if c.ValueType == "IMAGE"]
    return Group(
        of_slice=not identifier.endswith(" series"),
        score=scores[0] if scores else None,
        images=tuple((str(one.ReferencedSOPInstanceUID), _frame(one)) for one in references),
    )


def _frame(reference: Dataset) -> int | None:
    frame = reference.get("ReferencedFrameNumber")
    return None if frame is None else int(frame)


def _items(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", []):
        yield child
        yield from _items(child)


def _name(item: Dataset) -> str:
    concepts = item.get("ConceptNameCodeSequence", [])
    return str(concepts[0].CodeValue) if concepts else ""


def _text(items: Sequence[Dataset], code: str) -> str:
    return " ".join(str(item.TextValue) for item in items if item.ValueType == "TEXT" and _name(item) == code)


def _references(studies: Sequence[Dataset]) -> tuple[tuple[str, str, str], ...]:
    """Our own summary page is left out."""
    return tuple(
        (str(study.StudyInstanceUID), str(series.SeriesInstanceUID), str(instance.ReferencedSOPInstanceUID))
        for study in studies
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
        if not str(instance.ReferencedSOPClassUID).startswith(_SECONDARY_CAPTURE)
    )
