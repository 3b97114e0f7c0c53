"""The content tree of TID 1500, from the root down; measurement groups are in ``groups``."""

from pydicom import Dataset

from hounsfield.daemon.results import codes
from hounsfield.daemon.results.evidence import shown_images
from hounsfield.daemon.results.request import ObjectReference, ReportRequest
from hounsfield.daemon.results.source_attributes import copy_elements, has_value, items, number, text
from hounsfield.daemon.results.sr.context import language, language_of, observer
from hounsfield.daemon.results.sr.groups import measurement_groups
from hounsfield.daemon.results.sr.items import (
    CONTAINS,
    HAS_ACQ_CONTEXT,
    HAS_CONCEPT_MOD,
    code,
    composite,
    container,
    image,
    num,
    uidref,
    words,
)
from hounsfield.daemon.results.words import comment, foreign_remarks, summary
from hounsfield.daemon.sop_classes import KEY_OBJECT_SELECTION, PRESENTATION_STATE

_CODED_ENTRY = ("CodeValue", "LongCodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning")
_NO_IMAGES = (KEY_OBJECT_SELECTION, PRESENTATION_STATE)
"""Classes that IMAGE items may not name (PS3.3 C.18.3, C.18.4)."""


def content_tree(request: ReportRequest, companions: tuple[ObjectReference, ...]) -> Dataset:
    """Return the root container with all its content."""
    children = [
        language_of(request),
        *observer(request),
        code(HAS_CONCEPT_MOD, codes.PROCEDURE_REPORTED, source_procedure(request) or codes.CT_OF_HEAD),
        container(CONTAINS, codes.IMAGE_LIBRARY, _image_library(request, companions)),
        container(CONTAINS, codes.IMAGING_MEASUREMENTS, measurement_groups(request)),
        container(CONTAINS, codes.QUALITATIVE_EVALUATIONS, _evaluations(request)),
    ]
    if request.profile.sr_title == "ct-report":
        # the same tree, but TID 1500 knows the titles of CID 7021 only
        return container(None, codes.CT_REPORT, children)
    return container(None, codes.IMAGING_MEASUREMENT_REPORT, children, template="1500")


def source_procedure(request: ReportRequest) -> Dataset | None:
    """Return the source's first usable procedure code as it was received, None if it has none."""
    for entry in items(request.sources[0], "ProcedureCodeSequence"):
        complete = has_value(entry, "CodingSchemeDesignator") and has_value(entry, "CodeMeaning")
        if complete and (has_value(entry, "CodeValue") or has_value(entry, "LongCodeValue")):
            copied = Dataset()
            copied.set_original_encoding(False, True, copied._character_set)
            copy_elements(entry, copied, _CODED_ENTRY)
            return copied
    return None


def _image_library(request: ReportRequest, companions: tuple[ObjectReference, ...]) -> list[Dataset]:
    """TID 1600: the images that groups name, and our own companions in a group of their own."""
    first = request.sources[0]
    group = [code(HAS_ACQ_CONTEXT, codes.MODALITY, codes.COMPUTED_TOMOGRAPHY)]
    if frame := text(first, "FrameOfReferenceUID"):
        group.append(uidref(HAS_ACQ_CONTEXT, codes.FRAME_OF_REFERENCE_UID, frame))
    for name, keyword in ((codes.PIXEL_DATA_ROWS, "Rows"), (codes.PIXEL_DATA_COLUMNS, "Columns")):
        size = number(first, keyword)
        if size is not None:
            group.append(num(HAS_ACQ_CONTEXT, name, str(size), codes.PIXELS))
    for key in shown_images(request):
        group.append(image(CONTAINS, codes.SOURCE, text(key.source, "SOPClassUID"), key.uid, key.frame))
    groups = [container(CONTAINS, codes.IMAGE_LIBRARY_GROUP, group)]
    if companions:
        ours = [code(HAS_ACQ_CONTEXT, codes.MODALITY, codes.OTHER_MODALITY)]
        for entry in companions:
            item = composite if entry.sop_class_uid in _NO_IMAGES else image
            ours.append(item(CONTAINS, codes.SUPPORTING_INFORMATION, entry.sop_class_uid, entry.sop_instance_uid))
        groups.append(container(CONTAINS, codes.IMAGE_LIBRARY_GROUP, ours))
    return groups


def _evaluations(request: ReportRequest) -> list[Dataset]:
    """TID 1500 row 12: what the algorithms made of it, and the words for people."""
    evaluations = [
        code(CONTAINS, codes.PROCESSING_SUMMARY, codes.PROCESSING_SUMMARIES[request.outcome]),
        words(CONTAINS, codes.SUMMARY, summary(request)),
        words(CONTAINS, codes.COMMENT, comment(request)),
    ]
    if remarks := foreign_remarks(request):
        about_input = words(CONTAINS, codes.COMMENT, remarks)
        about_input.ContentSequence = [language(codes.ENGLISH)]
        evaluations.append(about_input)
    return evaluations
