"""What is no axial CT of a head, and images that do not belong into the volume."""

from pydicom import Dataset
from support.series_cases.case import Case, analysed, not_analysed, sent, skipped
from support.series_cases.heads import changed, companion, coronal, enhanced, head, localizer
from support.series_cases.ward import Ward

from hounsfield.storage.states import Reason

_SR, _PR, _KO, _SC = (
    "1.2.840.10008.5.1.4.1.1.88.67",
    "1.2.840.10008.5.1.4.1.1.11.1",
    "1.2.840.10008.5.1.4.1.1.88.59",
    "1.2.840.10008.5.1.4.1.1.7",
)
ENHANCED_SCOPE = {"sop_classes": ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"]}


def _without_groups(**attributes: object) -> list[Dataset]:
    image = enhanced()
    del image.SharedFunctionalGroupsSequence
    del image.PerFrameFunctionalGroupsSequence
    return changed([image], **attributes)


def _one_frame_more() -> list[Dataset]:
    image = enhanced()
    image.NumberOfFrames = "21"
    return [image]


def _names_the_frame(ward: Ward) -> None:
    (report,) = ward.reports()
    assert report.flagged == ((enhanced().SOPInstanceUID, 10),)
    assert len(report.evidence) == 1


def _localizer_is_no_evidence(ward: Ward) -> None:
    (report,) = ward.reports()
    assert len(report.evidence) == 12


CASES = (
    Case(
        name="a dose report",
        story=sent(lambda: [companion(_SR, "SR", "dose")]),
        becomes=skipped(Reason.NOT_AN_IMAGE),
        settings=("dicom.accept",),
    ),
    Case(
        name="a presentation state",
        story=sent(lambda: [companion(_PR, "PR", "pr")]),
        becomes=skipped(Reason.NOT_AN_IMAGE),
    ),
    Case(name="key objects", story=sent(lambda: [companion(_KO, "KO", "ko")]), becomes=skipped(Reason.NOT_AN_IMAGE)),
    Case(
        name="secondary captures",
        story=sent(lambda: [companion(_SC, "OT", "sc")]),
        becomes=skipped(Reason.NOT_AN_IMAGE),
    ),
    Case(
        name="an MR series",
        story=sent(lambda: head(Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4")),
        becomes=skipped(Reason.MODALITY),
        settings=("scope.modality",),
    ),
    Case(
        name="another body part",
        story=sent(lambda: head(BodyPartExamined="CHEST", StudyDescription="Thorax", SeriesDescription="Lung")),
        becomes=skipped(Reason.BODY_PART),
        settings=("scope.body_part", "scope.description"),
    ),
    Case(
        name="no body part, and descriptions that name the head",
        story=sent(lambda: head(BodyPartExamined=None)),
        becomes=analysed(),
        settings=("scope.description",),
    ),
    Case(name="coronal reformats", story=sent(lambda: coronal(head())), becomes=skipped(Reason.IMAGE_TYPE)),
    Case(
        name="maximum intensity projections",
        story=sent(lambda: head(ImageType=["DERIVED", "SECONDARY", "AXIAL", "MIP"])),
        becomes=skipped(Reason.IMAGE_TYPE),
    ),
    Case(
        name="a localizer of its own", story=sent(lambda: [localizer(name="scout")]), becomes=skipped(Reason.IMAGE_TYPE)
    ),
    Case(
        name="a localizer inside the series",
        means="left out of the volume",
        story=sent(lambda: [localizer(), *head()]),
        becomes=analysed(),
        says=("1 localizer or other-plane image left out",),
        check=_localizer_is_no_evidence,
    ),
    Case(
        name="an image of another plane inside the series, without a word in Image Type",
        means="left out of the volume",
        story=sent(lambda: [localizer(ImageType=["ORIGINAL", "PRIMARY", "AXIAL"]), *head()]),
        becomes=analysed(),
        says=("1 localizer or other-plane image left out",),
        check=_localizer_is_no_evidence,
    ),
    Case(
        name="too few slices for a head",
        story=sent(lambda: head(3, bleeding=1)),
        becomes=skipped(Reason.TOO_FEW_SLICES),
        settings=("scope.slices",),
    ),
    Case(
        name="too many slices for the model",
        story=sent(head),
        becomes=not_analysed(Reason.TOO_LARGE),
        says=("NOT ANALYSED - too many slices",),
        scope={"slices": [4, 10]},
        settings=("scope.slices",),
    ),
    Case(
        name="an enhanced CT that the model takes",
        means="read frame by frame; the report names frame numbers",
        story=sent(lambda: [enhanced()]),
        becomes=analysed(),
        scope=ENHANCED_SCOPE,
        settings=("scope.sop_classes",),
        check=_names_the_frame,
    ),
    Case(
        name="an enhanced CT that no model takes",
        story=sent(lambda: [enhanced()]),
        becomes=skipped(Reason.MULTI_FRAME),
        settings=("scope.sop_classes",),
    ),
    Case(
        name="a CT image of many frames that is no enhanced CT",
        story=sent(lambda: _without_groups(SOPClassUID="1.2.840.10008.5.1.4.1.1.2")),
        becomes=skipped(Reason.MULTI_FRAME),
        scope=ENHANCED_SCOPE,
    ),
    Case(
        name="an enhanced CT without functional groups",
        means="its first frame is never taken for the image",
        story=sent(_without_groups),
        becomes=skipped(Reason.MULTI_FRAME),
        scope=ENHANCED_SCOPE,
    ),
    Case(
        name="an enhanced CT with fewer frames than its Number of Frames",
        story=sent(_one_frame_more),
        becomes=skipped(Reason.MULTI_FRAME),
        scope=ENHANCED_SCOPE,
    ),
)
