"""Coded concepts of the results, as literal triples (PS3.16; results of a wrong look-up would be silent).

SCT 1386000 in particular stands twice in pydicom's dictionary, once as something else.
"""

from hounsfield.model.findings import CodedConcept
from hounsfield.storage.states import Outcome


def _dcm(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, "DCM", meaning)


def _sct(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, "SCT", meaning)


IMAGING_MEASUREMENT_REPORT = _dcm("126000", "Imaging Measurement Report")
CT_REPORT = CodedConcept("25045-6", "LN", "CT Report")
"""Of CID 7000, for viewers that do not show what CID 7021 names; TID 1500 does not allow it."""
OF_INTEREST = _dcm("113000", "Of Interest")
KEY_OBJECT_DESCRIPTION = _dcm("113012", "Key Object Description")
LANGUAGE = _dcm("121049", "Language of Content Item and Descendants")
ENGLISH = CodedConcept("en-US", "RFC5646", "English (United States)")
GERMAN = CodedConcept("de-DE", "RFC5646", "German (Germany)")
OBSERVER_TYPE = _dcm("121005", "Observer Type")
DEVICE = _dcm("121007", "Device")
DEVICE_OBSERVER_UID = _dcm("121012", "Device Observer UID")
DEVICE_OBSERVER_NAME = _dcm("121013", "Device Observer Name")
DEVICE_OBSERVER_MANUFACTURER = _dcm("121014", "Device Observer Manufacturer")
DEVICE_OBSERVER_MODEL_NAME = _dcm("121015", "Device Observer Model Name")
DEVICE_OBSERVER_SERIAL_NUMBER = _dcm("121016", "Device Observer Serial Number")
PROCEDURE_REPORTED = _dcm("121058", "Procedure reported")
CT_OF_HEAD = _sct("303653007", "Computed tomography of head")

IMAGE_LIBRARY = _dcm("111028", "Image Library")
IMAGE_LIBRARY_GROUP = _dcm("126200", "Image Library Group")
MODALITY = _dcm("121139", "Modality")
COMPUTED_TOMOGRAPHY = _dcm("CT", "Computed Tomography")
OTHER_MODALITY = _dcm("OT", "Other Modality")
FRAME_OF_REFERENCE_UID = _dcm("112227", "Frame of Reference UID")
PIXEL_DATA_ROWS = _dcm("110910", "Pixel Data Rows")
PIXEL_DATA_COLUMNS = _dcm("110911", "Pixel Data Columns")
PIXELS = CodedConcept("{pixels}", "UCUM", "pixels")
SOURCE = _sct("260753009", "Source")
SUPPORTING_INFORMATION = _dcm("112359", "Supporting Information")
"""Names our companions: some viewers cannot open a report with items that have no name."""

IMAGING_MEASUREMENTS = _dcm("126010", "Imaging Measurements")
MEASUREMENT_GROUP = _dcm("125007", "Measurement Group")
TRACKING_IDENTIFIER = _dcm("112039", "Tracking Identifier")
TRACKING_UNIQUE_IDENTIFIER = _dcm("112040", "Tracking Unique Identifier")
FINDING = _dcm("121071", "Finding")
FINDING_SITE = _sct("363698007", "Finding Site")
ALGORITHM_NAME = _dcm("111001", "Algorithm Name")
ALGORITHM_VERSION = _dcm("111003", "Algorithm Version")
ALGORITHM_MANUFACTURER = _dcm("122405", "Algorithm Manufacturer")
ALGORITHM_PARAMETERS = _dcm("111002", "Algorithm Parameters")
ALGORITHM_FAMILY = _dcm("111000", "Algorithm Family")
ARTIFICIAL_INTELLIGENCE = _dcm("123110", "Artificial Intelligence")
PROBABILITY = _dcm("122157", "Probability")
NO_UNITS = CodedConcept("1", "UCUM", "no units")
PRESENT = _sct("52101004", "Present")
ABSENT = _sct("272519000", "Absent")
"""Only where a destination asks for it (``code_absence``)."""
UNDETERMINED = _sct("373068000", "Undetermined")
SOURCE_OF_MEASUREMENT = _dcm("121112", "Source of Measurement")

IMAGE_REGION = _dcm("111030", "Image Region")

QUALITATIVE_EVALUATIONS = CodedConcept("C0034375", "UMLS", "Qualitative Evaluations")
PROCESSING_SUMMARY = _dcm("111017", "CAD Processing and Findings Summary")
SUMMARY = _dcm("121111", "Summary")
COMMENT = _dcm("121106", "Comment")

ACQUISITION_EQUIPMENT = _dcm("109101", "Acquisition Equipment")
SOURCE_IMAGE_FOR_PROCESSING = _dcm("121322", "Source image for image processing operation")

PROCESSING_SUMMARIES: dict[Outcome, CodedConcept] = {
    Outcome.POSITIVE: _dcm("111242", "All algorithms succeeded; with findings"),
    Outcome.NEGATIVE: _dcm("111241", "All algorithms succeeded; without findings"),
    Outcome.NOT_ANALYSED: _dcm("111245", "No algorithms succeeded; without findings"),
}
"""CID 6047."""
