"""What a finished result says of its study, series and patient."""

from dataclasses import dataclass

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from hounsfield.daemon.errors import DeliveryError
from hounsfield.storage.errors import ResultFileError
from hounsfield.storage.results import ResultFiles

_TAGS = ["SpecificCharacterSet", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "IssuerOfPatientID"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultHeader:
    """The few elements of a result that delivery needs."""

    study_uid: str
    series_uid: str
    elements: Dataset
    """With Specific Character Set, Patient ID and Issuer of Patient ID as they are in the file. Not to be logged."""


def header_of(files: ResultFiles, sop_instance_uid: str) -> ResultHeader:
    """Read it from the result's file; raise :class:`DeliveryError` if that cannot be read."""
    try:
        elements = dcmread(files.path(sop_instance_uid), specific_tags=_TAGS, stop_before_pixels=True)
        study_uid, series_uid = str(elements.StudyInstanceUID), str(elements.SeriesInstanceUID)
    except (OSError, InvalidDicomError, AttributeError, EOFError, ValueError, ResultFileError) as error:
        raise DeliveryError("a result file cannot be read", "restore it from a backup of the results folder") from error
    return ResultHeader(study_uid=study_uid, series_uid=series_uid, elements=elements)
