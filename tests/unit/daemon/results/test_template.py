"""The content tree row by row: no validator knows TID 1500, so this test does."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from support.reports import (
    SERIES,
    STUDY,
    enhanced_instance,
    facts,
    finding,
    of_frames,
    request,
    series,
    texts,
    tree_lines,
)

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import InstanceReference, ReportRequest
from hounsfield.model.findings import Analysis
from hounsfield.storage.states import Outcome

HEAD = [
    "ROOT CONTAINER 126000,DCM",
    "  HAS CONCEPT MOD CODE 121049,DCM = en-US,RFC5646",
    "  HAS OBS CONTEXT CODE 121005,DCM = 121007,DCM",
    "  HAS OBS CONTEXT UIDREF 121012,DCM",
    "  HAS OBS CONTEXT TEXT 121013,DCM",
    "  HAS OBS CONTEXT TEXT 121014,DCM",
    "  HAS OBS CONTEXT TEXT 121015,DCM",
    "  HAS OBS CONTEXT TEXT 121016,DCM",
    "  HAS CONCEPT MOD CODE 121058,DCM = 303653007,SCT",
    "  CONTAINS CONTAINER 111028,DCM",
    "    CONTAINS CONTAINER 126200,DCM",
    "      HAS ACQ CONTEXT CODE 121139,DCM = CT,DCM",
    "      HAS ACQ CONTEXT UIDREF 112227,DCM",
    "      HAS ACQ CONTEXT NUM 110910,DCM = 16",
    "      HAS ACQ CONTEXT NUM 110911,DCM = 16",
]
GROUP = [
    "    CONTAINS CONTAINER 125007,DCM",
    "      HAS OBS CONTEXT TEXT 112039,DCM",
    "      HAS OBS CONTEXT UIDREF 112040,DCM",
    "      CONTAINS CODE 121071,DCM = 1386000,SCT",
    "      HAS CONCEPT MOD CODE 363698007,SCT = 12738006,SCT",
    "      HAS CONCEPT MOD TEXT 111001,DCM",
    "      HAS CONCEPT MOD TEXT 111003,DCM",
    "      HAS CONCEPT MOD TEXT 122405,DCM",
    "      HAS CONCEPT MOD TEXT 111002,DCM",
    "      HAS CONCEPT MOD CODE 111000,DCM = 123110,DCM",
]


def library(*numbers: int) -> list[str]:
    return [f"      CONTAINS IMAGE 260753009,SCT = {SERIES}.{number}" for number in numbers]


def measured_on(*numbers: int) -> list[str]:
    return [f"      CONTAINS IMAGE 121112,DCM = {SERIES}.{number}" for number in numbers]


def scored(value: str, *numbers: int) -> list[str]:
    return [
        f"      CONTAINS NUM 122157,DCM = {value}",
        *(line for number in numbers for line in _inferred_from(number)),
    ]


def _inferred_from(number: int) -> list[str]:
    return [
        "        INFERRED FROM SCOORD 121112,DCM",
        f"          SELECTED FROM IMAGE 260753009,SCT = {SERIES}.{number}",
    ]


def evaluations(summary: str) -> list[str]:
    return [
        "  CONTAINS CONTAINER C0034375,UMLS",
        f"    CONTAINS CODE 111017,DCM = {summary},DCM",
        "    CONTAINS TEXT 121111,DCM",
        "    CONTAINS TEXT 121106,DCM",
    ]


def report(wanted: ReportRequest, *roles: str) -> Dataset:
    return dcmread(io.BytesIO(build(wanted, ("sr", *roles))[0].content))


def _items(content: Iterable[Dataset], code: str | None = None) -> Iterator[Dataset]:
    """Yield content items at any depth, those named by ``code`` only."""
    for item in content:
        if code is None or item.ConceptNameCodeSequence[0].CodeValue == code:
            yield item
        yield from _items(item.get("ContentSequence", []), code)


def _references(content: Iterable[Dataset]) -> list[Dataset]:
    return [item.ReferencedSOPSequence[0] for item in _items(content) if item.ValueType == "IMAGE"]


def test_a_positive_report_has_a_group_for_the_series_and_one_for_each_flagged_slice() -> None:
    images = series(4)
    high = Analysis(findings=(finding([0.1, 0.95, 0.7, 0.49], images, 0.93),))
    present = "      CONTAINS CODE 1386000,SCT = 52101004,SCT"
    assert tree_lines(report(request(sources=images, analysis=high))) == [
        *HEAD,
        *library(2, 3),
        "  CONTAINS CONTAINER 126010,DCM",
        *GROUP,
        *scored("0.930000", 2, 3),
        present,
        *measured_on(2, 3),
        *GROUP,
        *scored("0.950000", 2),
        present,
        *measured_on(2),
        *GROUP,
        *scored("0.700000", 3),
        present,
        *measured_on(3),
        *evaluations("111242"),
    ]


def test_a_flagged_frame_is_named_by_its_number_and_its_instance_stands_in_the_evidence_once() -> None:
    (image,) = enhanced_instance(6)
    analysis = of_frames([0.1, 0.2, 0.95, 0.9, 0.3, 0.1], image, 0.93)
    document = report(request(sources=(image,), analysis=analysis))
    named = [
        (str(item.ReferencedSOPInstanceUID), int(item.ReferencedFrameNumber))
        for item in _references(document.ContentSequence)
    ]
    uid = str(image.SOPInstanceUID)
    of_library, of_series, of_slices = [(uid, 3), (uid, 4)], [(uid, 3), (uid, 4)] * 2, [(uid, 3)] * 2 + [(uid, 4)] * 2
    assert named == [*of_library, *of_series, *of_slices]
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    (series_item,) = study.ReferencedSeriesSequence
    assert [str(one.ReferencedSOPInstanceUID) for one in series_item.ReferencedSOPSequence] == [uid]
    names = texts(document)
    assert "ICH image 7 frame 3" in names
    tracked = [item.UID for item in _items(document.ContentSequence, "112040")]
    assert len(tracked) == len(set(tracked)) == 3


def test_the_page_names_the_frames_it_shows() -> None:
    (image,) = enhanced_instance(6)
    analysis = of_frames([0.1, 0.2, 0.95, 0.9, 0.3, 0.1], image, 0.93)
    capture = dcmread(io.BytesIO(build(request(sources=(image,), analysis=analysis), ("sr", "sc"))[1].content))
    assert [int(one.ReferencedFrameNumber) for one in capture.SourceImageSequence] == [3, 4]


def test_images_that_are_no_frames_have_no_frame_number() -> None:
    assert all("ReferencedFrameNumber" not in item for item in _references(report(request()).ContentSequence))


def test_a_negative_report_has_its_score_and_says_nothing_about_presence() -> None:
    assert tree_lines(report(request(Outcome.NEGATIVE))) == [
        *HEAD,
        *library(4, 3, 2),
        "  CONTAINS CONTAINER 126010,DCM",
        *GROUP,
        *scored("0.040000", 4, 3, 2),
        *measured_on(4, 3, 2),
        *evaluations("111241"),
    ]


def test_a_report_of_a_series_not_analysed_has_no_number_and_an_undetermined_finding() -> None:
    assert tree_lines(report(request(Outcome.NOT_ANALYSED))) == [
        *HEAD,
        *library(3),
        "  CONTAINS CONTAINER 126010,DCM",
        *GROUP,
        "      CONTAINS CODE 1386000,SCT = 373068000,SCT",
        *measured_on(3),
        "      CONTAINS SCOORD 111030,DCM",
        f"        SELECTED FROM IMAGE 260753009,SCT = {SERIES}.3",
        *evaluations("111245"),
    ]


def test_the_region_of_a_score_is_its_whole_image() -> None:
    (number, *_) = _items(report(request()).ContentSequence, "122157")
    region = number.ContentSequence[0]
    corners = [0, 0, 16, 0, 16, 16, 0, 16, 0, 0]
    assert (region.GraphicType, [float(value) for value in region.GraphicData]) == ("POLYLINE", corners)


def test_an_image_that_does_not_say_its_size_has_no_region() -> None:
    sources = series(4, Rows=None)
    found = [item.ValueType for item in _items(report(request(sources=sources)).ContentSequence)]
    assert "NUM" in found
    assert "SCOORD" not in found


def test_templates_are_named_where_they_begin() -> None:
    root = report(request())
    assert root.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    measurements = root.ContentSequence[-2]
    assert {group.ContentTemplateSequence[0].TemplateIdentifier for group in measurements.ContentSequence} == {"1501"}


def test_at_most_ten_slices_get_a_group_those_with_the_highest_scores() -> None:
    images = series(14)
    high = Analysis(findings=(finding([0.5 + 0.03 * number for number in range(14)], images, 0.9),))
    groups = report(request(sources=images, analysis=high)).ContentSequence[-2].ContentSequence
    named = [group.ContentSequence[0].TextValue for group in groups]
    assert named == ["ICH series", *(f"ICH image {number}" for number in range(14, 4, -1))]
    tracked = {group.ContentSequence[1].UID for group in groups}
    assert len(tracked) == 11


def test_a_slice_above_its_threshold_gets_no_group_in_a_series_that_is_not_flagged() -> None:
    images = series(4)
    low = Analysis(findings=(finding([0.1, 0.9, 0.1, 0.1], images, 0.36),))
    groups = report(request(Outcome.NEGATIVE, sources=images, analysis=low)).ContentSequence[-2].ContentSequence
    assert len(groups) == 1


def test_the_report_names_its_page_and_the_page_does_not_name_the_report() -> None:
    sr, sc = build(request(), ("sr", "sc"))
    text = "\n".join(tree_lines(dcmread(io.BytesIO(sr.content))))
    assert f"CONTAINS IMAGE 112359,DCM = {sc.sop_instance_uid}" in text
    assert sr.sop_instance_uid.encode() not in sc.content
    assert sc.sop_instance_uid.encode() not in build(request(), ("sr",))[0].content


def test_the_evidence_is_the_whole_input_set_and_the_page() -> None:
    document = report(request(sources=series(30)), "sc")
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    source, ours = study.ReferencedSeriesSequence
    assert (study.StudyInstanceUID, source.SeriesInstanceUID) == (STUDY, SERIES)
    assert [ref.ReferencedSOPInstanceUID for ref in source.ReferencedSOPSequence] == [
        f"{SERIES}.{number}" for number in range(1, 31)
    ]
    assert len(ours.ReferencedSOPSequence) == 1


def test_the_document_is_preliminary_unverified_and_written_by_a_device() -> None:
    document = report(request())
    flags = (document.CompletionFlag, document.VerificationFlag, document.PreliminaryFlag)
    assert flags == ("COMPLETE", "UNVERIFIED", "PRELIMINARY")
    author = document.AuthorObserverSequence[0]
    assert (author.ObserverType, author.DeviceUID, author.Manufacturer) == (
        "DEV",
        "2.25.123456789",
        "Hounsfield project",
    )
    assert (document.SeriesNumber, document.Modality, "BodyPartExamined" in document) == (9001, "SR", False)


def test_a_revision_names_the_report_before_it() -> None:
    before = InstanceReference(study_uid=STUDY, series_uid="2.25.1", sop_class_uid="1.2.840", sop_instance_uid="2.25.2")
    (named,) = report(request(predecessors=(before,))).PredecessorDocumentsSequence
    (of_series,) = named.ReferencedSeriesSequence
    assert (named.StudyInstanceUID, of_series.SeriesInstanceUID) == (STUDY, "2.25.1")
    assert of_series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "2.25.2"
    assert "PredecessorDocumentsSequence" not in report(request())


def test_an_earlier_report_is_named_from_its_file(tmp_path: Path) -> None:
    earlier = build(request(), ("sr",))[0]
    file = tmp_path / "earlier.dcm"
    file.write_bytes(earlier.content)
    read = InstanceReference.read(file)
    assert (read.study_uid, read.sop_class_uid, read.sop_instance_uid) == (
        STUDY,
        earlier.sop_class_uid,
        earlier.sop_instance_uid,
    )
    with pytest.raises(ResultError, match="cannot be read back"):
        InstanceReference.read(tmp_path / "lost.dcm")


def test_the_algorithm_is_named_with_version_and_parameters() -> None:
    group = report(request(bundle=facts(version="2.1.0"))).ContentSequence[-2].ContentSequence[0]
    said = {i.ConceptNameCodeSequence[0].CodeValue: i.TextValue for i in group.ContentSequence if i.ValueType == "TEXT"}
    assert (said["111001"], said["111003"], said["122405"]) == ("ich-demo", "2.1.0", "Hounsfield project")
    assert said["111002"].startswith("threshold 0.5; model sha256 abab")


def test_an_unknown_role_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ResultError, match=r"'seg'.*sc, sr"):
        build(request(), ("sr", "seg"))


def test_a_page_that_is_missing_is_refused() -> None:
    with pytest.raises(ResultError, match="summary page"):
        build(request(pages=()), ("sc",))


def test_a_finding_about_an_image_that_is_not_there_is_refused() -> None:
    images = series(4)
    with pytest.raises(ResultError, match="not among the sources"):
        build(request(sources=images[:3], analysis=Analysis(findings=(finding([0.9] * 4, images, 0.9),))), ("sr",))


def test_a_request_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="contradicts"):
        request(outcome=Outcome.NEGATIVE, analysis=request().analysis)
    with pytest.raises(ValueError, match="reason"):
        request(Outcome.NOT_ANALYSED, reason=None)
    with pytest.raises(ResultError, match="at least one"):
        ReportRequest(**{**{f: getattr(request(), f) for f in ReportRequest.__slots__}, "sources": ()})
