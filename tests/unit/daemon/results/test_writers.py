"""What every result writer promises, for every outcome and kind of source; a later writer only joins the registry."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.tag import Tag
from support.reports import STUDY, enhanced_instance, of_frames, page, request, series, texts

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.parts import envelope
from hounsfield.daemon.results.profile import Profile
from hounsfield.daemon.results.registry import WRITERS, build
from hounsfield.daemon.results.request import BuiltObject, Mark, ObjectReference, ReportRequest, ResultWriter
from hounsfield.daemon.results.uids import reference_of
from hounsfield.storage.states import Outcome

NEVER = re.compile(r"absent|negative|normal|\bclear|unauff|ausgeschlossen|ohne befund", re.IGNORECASE)
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
JAPANESE = {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"}


class Segmentation:
    """A writer as one may be added later: it is registered and nothing else."""

    role = "seg"

    def references(
        self, request: ReportRequest, companions: tuple[ObjectReference, ...]
    ) -> tuple[ObjectReference, ...]:
        return (reference_of(self.role, SEGMENTATION, request, companions),)

    def write(self, request: ReportRequest, companions: tuple[ObjectReference, ...]) -> tuple[Dataset, ...]:
        (reference,) = self.references(request, companions)
        return (envelope(request, reference, "SEG", 9006),)


EVERY: dict[str, ResultWriter] = {**WRITERS, "seg": Segmentation()}
NUMBERS = {"sr": 9001, "sc": 9002, "ko": 9004, "pr": 9005, "seg": 9006}
MODALITIES = {"sr": "SR", "sc": "OT", "ko": "KO", "pr": "PR", "seg": "SEG"}


def _plain(outcome: Outcome) -> ReportRequest:
    return request(outcome, sources=series(6), pages=(page(), page()))


def _frames(outcome: Outcome) -> ReportRequest:
    (image,) = enhanced_instance(6)
    if outcome is not Outcome.POSITIVE:
        return request(outcome, sources=(image,))
    analysis = of_frames([0.1, 0.2, 0.95, 0.9, 0.3, 0.1], image, 0.93)
    return request(outcome, sources=(image,), analysis=analysis)


SOURCES: dict[str, Callable[[Outcome], ReportRequest]] = {
    "single frames": _plain,
    "frames of one instance": _frames,
    "japanese names": lambda outcome: request(outcome, sources=series(**JAPANESE)),
    "german words": lambda outcome: replace(_plain(outcome), profile=Profile(language="de")),
}


@dataclass(frozen=True)
class Case:
    """The objects of one role for one request."""

    role: str
    wanted: ReportRequest
    built: tuple[BuiltObject, ...]
    objects: list[Dataset] = field(default_factory=list)


@pytest.fixture(params=SOURCES, scope="module")
def source(request: pytest.FixtureRequest) -> Callable[[Outcome], ReportRequest]:
    return SOURCES[request.param]


@pytest.fixture(params=list(Outcome), ids=str, scope="module")
def wanted(request: pytest.FixtureRequest, source: Callable[[Outcome], ReportRequest]) -> ReportRequest:
    return source(request.param)


@pytest.fixture(params=EVERY, scope="module")
def case(request: pytest.FixtureRequest, wanted: ReportRequest) -> Case:
    built = build(wanted, (request.param,), EVERY)
    return Case(request.param, wanted, built, [dcmread(io.BytesIO(one.content)) for one in built])


def test_only_what_points_to_flagged_images_is_left_out_and_only_where_none_is_flagged(case: Case) -> None:
    nothing_to_point_to = case.role in ("ko", "pr") and case.wanted.outcome is not Outcome.POSITIVE
    assert bool(case.built) is not nothing_to_point_to


def test_the_same_request_gives_the_same_bytes_under_uids_of_its_own(case: Case) -> None:
    assert build(case.wanted, (case.role,), EVERY) == case.built
    everything = build(case.wanted, tuple(EVERY), EVERY)
    assert len({one.sop_instance_uid for one in everything}) == len(everything)
    assert [one.sop_instance_uid for one in case.built] == [dataset.SOPInstanceUID for dataset in case.objects]
    assert [one.sop_class_uid for one in case.built] == [dataset.SOPClassUID for dataset in case.objects]


def test_a_profile_that_differs_gives_other_uids(case: Case) -> None:
    other = replace(case.wanted, profile=replace(case.wanted.profile, code_absence=True))
    again = {one.sop_instance_uid for one in build(other, (case.role,), EVERY)}
    assert len(again) == len(case.built)
    assert not again & {one.sop_instance_uid for one in case.built}


def test_objects_lie_in_the_study_and_share_a_series_of_their_role(case: Case) -> None:
    assert {dataset.StudyInstanceUID for dataset in case.objects} <= {STUDY}
    assert len({dataset.SeriesInstanceUID for dataset in case.objects}) <= 1
    assert {(dataset.SeriesNumber, dataset.Modality) for dataset in case.objects} <= {
        (NUMBERS[case.role], MODALITIES[case.role])
    }
    assert [dataset.InstanceNumber for dataset in case.objects] == list(range(1, len(case.objects) + 1))


def test_patient_attributes_keep_their_bytes_and_character_set(case: Case) -> None:
    first = case.wanted.sources[0]
    for dataset in case.objects:
        for keyword in ("PatientName", "PatientID", "AccessionNumber", "StudyDescription"):
            assert dataset.get_item(Tag(keyword)).value == first.get_item(Tag(keyword)).value
        assert dataset.get("SpecificCharacterSet") == first.get("SpecificCharacterSet")


def test_the_scanner_is_contributing_equipment_and_we_are_the_equipment(case: Case) -> None:
    for dataset in case.objects:
        (scanner,) = dataset.ContributingEquipmentSequence
        assert (scanner.Manufacturer, scanner.PurposeOfReferenceCodeSequence[0].CodeValue) == ("Generated", "109101")
        assert dataset.Manufacturer == "Hounsfield project"
        assert "ich-demo 1.0.0" in dataset.SoftwareVersions


def test_no_text_denies_a_finding_and_the_series_description_says_the_result(case: Case) -> None:
    for dataset in case.objects:
        said = texts(dataset)
        assert [text for text in said if NEVER.search(text)] == []
        assert dataset.SeriesDescription.startswith(("AI ICH: ", "KI ICH: "))
        assert len(dataset.SeriesDescription) <= 64


def test_the_words_are_ascii_whatever_the_patient_is_called(case: Case) -> None:
    for dataset in case.objects:
        assert dataset.SeriesDescription.isascii()
        assert [name.CodeMeaning for name in _codes(dataset) if not name.CodeMeaning.isascii()] == []


def _codes(dataset: Dataset) -> list[Dataset]:
    found = [element.value for element in dataset if element.VR == "SQ"]
    items = [item for sequence in found for item in sequence]
    return [item for item in items if "CodeMeaning" in item] + [code for item in items for code in _codes(item)]


def test_the_report_names_every_other_object_of_its_set(wanted: ReportRequest) -> None:
    report, *others = build(wanted, ("sr", *(role for role in EVERY if role != "sr")), EVERY)
    document = dcmread(io.BytesIO(report.content))
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    named = [
        ref.ReferencedSOPInstanceUID for one in study.ReferencedSeriesSequence for ref in one.ReferencedSOPSequence
    ]
    ours = [one.sop_instance_uid for one in others]
    assert named[-len(ours) :] == ours
    library = document.ContentSequence[-3]
    assert library.ConceptNameCodeSequence[0].CodeValue == "111028"
    companions = [item for item in library.ContentSequence[1].ContentSequence if "ReferencedSOPSequence" in item]
    assert [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in companions] == ours
    kinds = {"sc": "IMAGE", "ko": "COMPOSITE", "pr": "COMPOSITE", "seg": "IMAGE"}
    assert [item.ValueType for item in companions] == [kinds[one.role] for one in others]
    assert all(report.sop_instance_uid.encode() not in one.content for one in others)


def test_the_key_objects_are_the_flagged_images_with_a_description() -> None:
    images = series(6)
    wanted = request(sources=images)
    document = dcmread(io.BytesIO(build(wanted, ("ko",))[0].content))
    assert document.ConceptNameCodeSequence[0].CodeValue == "113000"
    assert document.ContentTemplateSequence[0].TemplateIdentifier == "2010"
    shown = [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in document.ContentSequence[-3:]]
    assert shown == [images[5].SOPInstanceUID, images[4].SOPInstanceUID, images[3].SOPInstanceUID]
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    (of_series,) = study.ReferencedSeriesSequence
    assert {one.ReferencedSOPInstanceUID for one in of_series.ReferencedSOPSequence} == set(shown)
    description = document.ContentSequence[-4]
    assert description.ConceptNameCodeSequence[0].CodeValue == "113012"
    assert "FLAGGED score 0.93" in description.TextValue
    assert "Not for diagnosis" in description.TextValue


def test_a_presentation_state_shows_the_flagged_slices_in_a_brain_window_and_circles_what_is_marked() -> None:
    images = series(6, PixelSpacing=["0.5", "0.4"], RescaleIntercept="-1024")
    uid = str(images[5].SOPInstanceUID)
    elsewhere = Mark(sop_instance_uid=str(images[0].SOPInstanceUID), column=1, row=1, radius=1)
    mark = Mark(sop_instance_uid=uid, column=3, row=4, radius=2)
    (built,) = build(request(sources=images, marks=(elsewhere, mark)), ("pr",))
    state = dcmread(io.BytesIO(built.content))
    (of_series,) = state.ReferencedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in of_series.ReferencedImageSequence] == [
        str(images[k].SOPInstanceUID) for k in (5, 4, 3)
    ]
    (window,) = state.SoftcopyVOILUTSequence
    assert (window.WindowCenter, window.WindowWidth) == (40, 80)
    assert (state.RescaleIntercept, state.RescaleSlope, state.RescaleType) == (-1024, 1, "HU")
    (area,) = state.DisplayedAreaSelectionSequence
    assert area.DisplayedAreaBottomRightHandCorner == [16, 16]
    assert area.PresentationPixelSpacing == [0.5, 0.4]
    caption, circle = state.GraphicAnnotationSequence
    assert "Not for diagnosis" in caption.TextObjectSequence[0].UnformattedTextValue
    assert circle.ReferencedImageSequence[0].ReferencedSOPInstanceUID == uid
    # the middle of the pixel (3, 4) counted from 0 lies half a pixel from its corner
    assert circle.GraphicObjectSequence[0].GraphicData == [3.5, 4.5, 5.5, 4.5]
    assert state.BodyPartExamined == "HEAD"


def test_images_that_differ_in_rescale_or_size_get_states_of_their_own() -> None:
    images = (*series(5), *series(6, RescaleIntercept="-1000")[5:])
    first, second = (dcmread(io.BytesIO(one.content)) for one in build(request(sources=images), ("pr",)))
    assert (first.RescaleIntercept, second.RescaleIntercept) == (-1000, 0)
    assert [len(one.ReferencedSeriesSequence[0].ReferencedImageSequence) for one in (first, second)] == [1, 2]


def test_the_frames_of_one_instance_are_shown_by_one_state() -> None:
    (built,) = build(_frames(Outcome.POSITIVE), ("pr",))
    (of_series,) = dcmread(io.BytesIO(built.content)).ReferencedSeriesSequence
    (instance,) = of_series.ReferencedImageSequence
    assert list(instance.ReferencedFrameNumber) == [3, 4]


@pytest.mark.parametrize(("wanted_pages", "count"), [(0, 1), (1, 2), (3, 4)])
def test_a_flagged_series_gets_as_many_pages_as_the_destination_wants(wanted_pages: int, count: int) -> None:
    pages = tuple(page() for _ in range(4))
    images = series(6)
    wanted = request(sources=images, pages=pages, profile=Profile(flagged_pages=wanted_pages))
    captures = [dcmread(io.BytesIO(one.content)) for one in build(wanted, ("sc",))]
    assert [one.InstanceNumber for one in captures] == list(range(1, count + 1))
    assert len({one.SeriesInstanceUID for one in captures}) == 1
    assert [one.DerivationDescription.split()[0] for one in captures] == ["Summary", *["Flagged"] * (count - 1)]
    named = [[str(ref.ReferencedSOPInstanceUID) for ref in one.SourceImageSequence] for one in captures]
    flagged = [str(images[k].SOPInstanceUID) for k in (5, 4, 3)]
    assert named == [flagged, *([uid] for uid in flagged[: count - 1])]


def test_a_series_that_is_not_flagged_gets_the_summary_page_only() -> None:
    for outcome in (Outcome.NEGATIVE, Outcome.NOT_ANALYSED):
        assert len(build(request(outcome, pages=(page(), page())), ("sc",))) == 1


def test_pages_beyond_six_megabytes_are_left_out_but_never_the_summary() -> None:
    large, small = np.zeros((1000, 1024, 3), np.uint8), np.zeros((576, 1024, 3), np.uint8)
    kept = build(request(pages=(large, small, small, small)), ("sc",))
    assert len(kept) == 2
    assert sum(len(one.content) for one in kept) < 6_000_000
    huge = np.zeros((2100, 1024, 3), np.uint8)
    assert len(build(request(pages=(huge, small)), ("sc",))) == 1


def test_an_unknown_role_names_the_registered_ones() -> None:
    with pytest.raises(ResultError, match=r"'pm'.*ko, pr, sc, seg, sr"):
        build(request(), ("pm",), EVERY)
