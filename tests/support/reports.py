"""Requests for reports: a small valid CT series in memory and what an analysis could have said about it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from support.ct_factory import enhanced

from hounsfield.daemon.results.request import BundleFacts, LabelFacts, ReportRequest
from hounsfield.model.findings import Analysis, CodedConcept, Finding, Rejection, SliceScore
from hounsfield.storage.records import Verdict
from hounsfield.storage.states import REASON_WORDS, Completeness, Outcome, Reason

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
STUDY = "1.2.826.0.1.3680043.8.498.1"
SERIES = f"{STUDY}.2"
FRAME = f"{STUDY}.3"
BANNER = "synthetic-trained demonstration, not for clinical use"
NOON = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Site:
    name: str = "Klinikum Musterstadt"
    timezone: str = "Europe/Berlin"


HAEMORRHAGE = LabelFacts(
    name="haemorrhage",
    short="ICH",
    concept=CodedConcept("1386000", "SCT", "Intracranial hemorrhage"),
    site=CodedConcept("12738006", "SCT", "Brain"),
)
SUBTYPES = tuple(
    LabelFacts(name=name, short=short, concept=concept, site=site, decides=False)
    for name, short, concept, site in (
        ("epidural", "EDH", CodedConcept("82999001", "SCT", "Epidural hemorrhage"), HAEMORRHAGE.site),
        ("intraparenchymal", "IPH", CodedConcept("274100004", "SCT", "Cerebral hemorrhage"), HAEMORRHAGE.site),
        (
            "intraventricular",
            "IVH",
            CodedConcept("50960005", "SCT", "Hemorrhage"),
            CodedConcept("35764002", "SCT", "Brain ventricle"),
        ),
        ("subarachnoid", "SAH", CodedConcept("21454007", "SCT", "Subarachnoid hemorrhage"), HAEMORRHAGE.site),
        ("subdural", "SDH", CodedConcept("35486000", "SCT", "Subdural hemorrhage"), HAEMORRHAGE.site),
    )
)
FRACTURE = LabelFacts(
    name="fracture",
    short="FX",
    concept=CodedConcept("71642004", "SCT", "Fracture of skull"),
    site=CodedConcept("89546000", "SCT", "Skull"),
)


def facts(**changes: Any) -> BundleFacts:
    values: dict[str, Any] = {
        "name": "ich-demo",
        "version": "1.0.0",
        "title": "Synthetic-trained haemorrhage demonstration",
        "sha256": "ab" * 32,
        "banner": BANNER,
        "clinical": False,
        "calibrated": False,
        "labels": (HAEMORRHAGE,),
        "parameters": f"threshold 0.5; model sha256 {'ab' * 32}; aggregation top-3-mean; preprocessing strip-1",
    }
    return BundleFacts(**{**values, **changes})


def ct_slice(number: int, **changes: Any) -> Dataset:
    """Return a CT Image with every attribute its IOD needs, without pixels worth looking at."""
    image = Dataset()
    image.SOPClassUID = CT_IMAGE
    image.SOPInstanceUID = f"{SERIES}.{number}"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = STUDY, SERIES, FRAME
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.StudyDate, image.StudyTime = "20260701", "101500"
    image.ContentDate, image.ContentTime = "20260701", "101530"
    image.AcquisitionDate, image.AcquisitionTime = "20260701", "101520"
    image.AccessionNumber, image.StudyID = "A-77", "77"
    image.Modality, image.Manufacturer, image.ManufacturerModelName = "CT", "Generated", "Phantom"
    image.ReferringPhysicianName, image.PatientName = "", "Doe^Jane"
    image.PatientID, image.PatientBirthDate, image.PatientSex = "P-1", "19500101", "F"
    image.StudyDescription, image.SeriesDescription, image.BodyPartExamined = "CT head", "5 mm axial", "HEAD"
    image.SeriesNumber, image.AcquisitionNumber, image.InstanceNumber = "2", "1", str(number)
    image.SliceThickness, image.KVP, image.PatientPosition = "5", "120", "HFS"
    image.ImagePositionPatient = ["-120", "-120", str(5 * number)]
    image.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    image.PositionReferenceIndicator = ""
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns, image.PixelSpacing = 16, 16, ["0.5", "0.5"]
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.RescaleIntercept, image.RescaleSlope = "0", "1"
    image.PixelData = np.full((16, 16), number, np.int16).tobytes()
    for keyword, value in changes.items():
        if value is None:
            del image[keyword]
        else:
            setattr(image, keyword, value)
    return image


def encoded(image: Dataset, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """Return the file of a data set."""
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    buffer = io.BytesIO()
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    dcmwrite(buffer, image, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return buffer.getvalue()


def received(image: Dataset, syntax: UID = ExplicitVRLittleEndian) -> Dataset:
    """Return a data set as the worker reads it from the spool: raw, without pixels."""
    return dcmread(io.BytesIO(encoded(image, syntax)), stop_before_pixels=True)


def series(count: int = 4, **changes: Any) -> tuple[Dataset, ...]:
    return tuple(received(ct_slice(number, **changes)) for number in range(1, count + 1))


def enhanced_instance(count: int = 4) -> tuple[Dataset]:
    """Return one Enhanced CT instance whose frames are the slices of ``series``, as the worker reads it."""
    whole = enhanced([ct_slice(number) for number in range(1, count + 1)], InstanceNumber="7")
    return (received(whole),)


def of_frames(scores: Sequence[float], source: Dataset, score: float) -> Analysis:
    """Return an analysis of the frames of one instance."""
    found = finding(scores, [source] * len(scores), score)
    slices = tuple(replace(one, frame=number) for number, one in enumerate(found.slices, start=1))
    return Analysis(findings=(replace(found, slices=slices),), device="/CPU:0")


def finding(
    scores: Sequence[float],
    sources: Sequence[Dataset],
    score: float,
    threshold: float = 0.5,
    label: LabelFacts = HAEMORRHAGE,
) -> Finding:
    return Finding(
        label=label.name,
        concept=label.concept,
        score=score,
        threshold=threshold,
        slices=tuple(
            SliceScore(sop_instance_uid=str(source.SOPInstanceUID), score=value)
            for source, value in zip(sources, scores, strict=True)
        ),
        slice_threshold=threshold,
        decides=label.decides,
    )


def of_labels(answers: Mapping[LabelFacts, tuple[float, float]], **changes: Any) -> ReportRequest:
    """Return a request of a bundle with these labels, each with its series score and its threshold.

    The slices of each label have their highest score in another place.
    """
    images = changes.setdefault("sources", series(8))
    findings = []
    for place, (label, (score, threshold)) in enumerate(answers.items()):
        scores = [score * max(0.0, 1 - abs(k - 2 - place) / 10) for k in range(len(images))]
        findings.append(finding(scores, images, score, threshold, label))
    analysis = Analysis(findings=tuple(findings), device="/CPU:0")
    values = {"bundle": facts(labels=tuple(answers)), "analysis": analysis} | changes
    return request(Outcome.POSITIVE if analysis.flagged else Outcome.NEGATIVE, **values)


def six_labels(score: float = 0.93, **changes: Any) -> ReportRequest:
    """Return a request like those of the demonstration bundle: subdural and subarachnoid reach their thresholds."""
    kinds = {"epidural": 0.05, "intraparenchymal": 0.31, "subarachnoid": 0.64, "subdural": 0.88}
    answers = {HAEMORRHAGE: (score, 0.5)} | {label: (kinds.get(label.name, 0.1), 0.61) for label in SUBTYPES}
    return of_labels(answers, **changes)


def page() -> np.ndarray:
    """Return a small page; what stands on a real one is the business of its own tests."""
    return np.linspace(0, 255, 33 * 35 * 3).astype(np.uint8).reshape(33, 35, 3)


def request(outcome: Outcome = Outcome.POSITIVE, *, sources: tuple[Dataset, ...] = (), **changes: Any) -> ReportRequest:
    """Return a request of the outcome; ``changes`` are fields of :class:`ReportRequest`."""
    images = sources or series()
    values: dict[str, Any] = {
        "analysis": _analysis(outcome, images),
        "outcome": outcome,
        "reason": Reason.INCOMPLETE if outcome is Outcome.NOT_ANALYSED else None,
        "words": REASON_WORDS[Reason.INCOMPLETE] if outcome is Outcome.NOT_ANALYSED else "",
        "bundle": facts(),
        "sources": images,
        "verdict": Verdict(completeness=Completeness.COMPLETE, remarks=("No gap between the slices",)),
        "identity": "cd" * 32,
        "revision": 1,
        "pages": (page(),),
        "site": Site(),
        "device_uid": "2.25.123456789",
        "created": NOON,
    }
    return ReportRequest(**{**values, **changes})


def _analysis(outcome: Outcome, images: Sequence[Dataset]) -> Analysis:
    remarks = ("Gantry tilt of 18.5 degrees: slices analysed one by one",)
    if outcome is Outcome.NOT_ANALYSED:
        return Analysis(rejection=Rejection.INCOMPLETE, remarks=remarks)
    high = outcome is Outcome.POSITIVE
    scores = [(0.2 + 0.7 * i / len(images)) if high else 0.1 * i / len(images) for i in range(len(images))]
    return Analysis(findings=(finding(scores, images, 0.93 if high else 0.04),), remarks=remarks, device="/CPU:0")


def texts(dataset: Dataset) -> list[str]:
    """Return every text value in a data set, at any depth, code meanings included."""
    found: list[str] = []
    for element in dataset.iterall():
        if element.VR in ("LO", "SH", "ST", "LT", "UT", "UC", "CS", "PN"):
            values = element.value if element.VM > 1 else [element.value]
            found += [str(value) for value in values if value]
    return found


def tree_lines(item: Dataset, depth: int = 0) -> list[str]:
    """Return the content tree as one line per item: indentation, relationship, type, name, value."""
    name = item.ConceptNameCodeSequence[0] if "ConceptNameCodeSequence" in item else None
    named = f"{name.CodeValue},{name.CodingSchemeDesignator}" if name else "-"
    parts = [item.get("RelationshipType", "ROOT"), item.ValueType, named, _value(item)]
    lines = ["  " * depth + " ".join(part for part in parts if part)]
    for child in item.get("ContentSequence", []):
        lines += tree_lines(child, depth + 1)
    return lines


def _value(item: Dataset) -> str:
    match item.ValueType:
        case "CODE":
            value = item.ConceptCodeSequence[0]
            return f"= {value.CodeValue},{value.CodingSchemeDesignator}"
        case "NUM":
            return f"= {item.MeasuredValueSequence[0].NumericValue}"
        case "IMAGE":
            return f"= {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID}"
        case _:
            return ""
