"""What structured reports and key object selections have in common: language, observer, the order they fulfil."""

from pydicom import Dataset

from hounsfield.daemon.product import MANUFACTURER, PRODUCT
from hounsfield.daemon.results import codes
from hounsfield.daemon.results.request import ReportRequest
from hounsfield.daemon.results.source_attributes import copy_elements, has_value, items, text
from hounsfield.daemon.results.sr.items import HAS_CONCEPT_MOD, HAS_OBS_CONTEXT, code, uidref, words
from hounsfield.daemon.results.words import words_of
from hounsfield.model.findings import CodedConcept


def language(spoken: CodedConcept) -> Dataset:
    """TID 1204: the language of the item it stands in and of all below."""
    return code(HAS_CONCEPT_MOD, codes.LANGUAGE, spoken)


def language_of(request: ReportRequest) -> Dataset:
    """TID 1204: the language of the document."""
    return language(words_of(request).language)


def observer(request: ReportRequest) -> list[Dataset]:
    """TID 1002 and 1004: a device observed."""
    bundle = request.bundle
    return [
        code(HAS_OBS_CONTEXT, codes.OBSERVER_TYPE, codes.DEVICE),
        uidref(HAS_OBS_CONTEXT, codes.DEVICE_OBSERVER_UID, request.device_uid),
        words(HAS_OBS_CONTEXT, codes.DEVICE_OBSERVER_NAME, f"{PRODUCT} with {bundle.title or bundle.name}"),
        words(HAS_OBS_CONTEXT, codes.DEVICE_OBSERVER_MANUFACTURER, MANUFACTURER),
        words(HAS_OBS_CONTEXT, codes.DEVICE_OBSERVER_MODEL_NAME, PRODUCT),
        words(HAS_OBS_CONTEXT, codes.DEVICE_OBSERVER_SERIAL_NUMBER, request.device_uid),
    ]


def referenced_requests(request: ReportRequest) -> list[Dataset]:
    """Referenced Request Sequence: needed where the source names the order it fulfils (PS3.3 C.17.2, type 1C)."""
    source = request.sources[0]
    orders = items(source, "RequestAttributesSequence")
    if not orders:
        return [_request(source, Dataset())] if has_value(source, "AccessionNumber") else []
    return [_request(source, order) for order in orders]


def _request(source: Dataset, order: Dataset) -> Dataset:
    entry = Dataset()
    entry.set_original_encoding(False, True, entry._character_set)
    entry.StudyInstanceUID = text(source, "StudyInstanceUID")
    copy_elements(source, entry, ("AccessionNumber", "IssuerOfAccessionNumberSequence", "ReferencedStudySequence"))
    wanted = (
        "AccessionNumber",
        "RequestedProcedureID",
        "RequestedProcedureDescription",
        "RequestedProcedureCodeSequence",
    )
    copy_elements(order, entry, wanted)
    empty_if_missing = (
        "ReferencedStudySequence",
        "AccessionNumber",
        "RequestedProcedureID",
        "RequestedProcedureDescription",
        "RequestedProcedureCodeSequence",
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
    )
    for keyword in empty_if_missing:
        if keyword not in entry:
            setattr(entry, keyword, [] if keyword.endswith("Sequence") else None)
    return entry
