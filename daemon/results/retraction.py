"""The rejection note: a Key Object Selection that says which of our objects must not be used (IHE RAD IOCM).

It is written from one of the objects it takes back, so it belongs to the same patient and study as those in the
archive, also when the images have gone meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.product import MANUFACTURER, PRODUCT, software_version
from hounsfield.daemon.results import codes
from hounsfield.daemon.results.parts import hierarchical, part10, sop_reference
from hounsfield.daemon.results.request import BuiltObject, InstanceReference
from hounsfield.daemon.results.source_attributes import copy_elements, copy_patient_and_study, new_dataset, text
from hounsfield.daemon.results.sr.items import (
    CONTAINS,
    HAS_CONCEPT_MOD,
    HAS_OBS_CONTEXT,
    code,
    container,
    uidref,
    words,
)
from hounsfield.daemon.results.times import stamp
from hounsfield.daemon.results.uids import derived_uid
from hounsfield.daemon.results.words import LONGEST_LO, plain
from hounsfield.daemon.sop_classes import KEY_OBJECT_SELECTION, SECONDARY_CAPTURE
from hounsfield.model.findings import CodedConcept

REJECTED_FOR_PATIENT_SAFETY = CodedConcept("113037", "DCM", "Rejected for Patient Safety Reasons")
"""CID 7011."""
ROLE = "rejection"
SERIES_NUMBER = 9008
SERIES_DESCRIPTION = "AI result withdrawn - rejected for patient safety reasons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """What is taken back, and in which words."""

    objects: tuple[Path, ...]
    """Files of the objects of ours; the patient and study are those of the first."""
    profile: str
    """Key of the profile they were made for."""
    words: str
    """Why, as a person put it; no patient data. May be empty."""
    created: datetime
    """Aware."""
    timezone: str
    """IANA name of the zone of the site."""


def rejection_note(rejection: Rejection) -> BuiltObject:
    """Build the note; raise :class:`ResultError` if an object cannot be read back or there is none."""
    if not rejection.objects:
        raise ResultError("there is nothing to take back", "")
    anchor = _read(rejection.objects[0])
    taken = [InstanceReference.read(path) for path in rejection.objects]
    uids = sorted(entry.sop_instance_uid for entry in taken)
    key = [uids, *([rejection.profile] if rejection.profile else [])]
    uid = derived_uid("instance", ROLE, *key)
    note = _envelope(anchor, rejection, uid, derived_uid("series", ROLE, *key))
    note.ReferencedPerformedProcedureStepSequence = []
    note.CurrentRequestedProcedureEvidenceSequence = hierarchical(taken)
    note.update(_content(anchor, taken, rejection.words))
    return BuiltObject(ROLE, KEY_OBJECT_SELECTION, uid, part10(note))


def _read(path: Path) -> Dataset:
    try:
        return dcmread(path, stop_before_pixels=True)
    except (OSError, InvalidDicomError, EOFError, ValueError) as error:
        raise ResultError(
            "a result that is taken back cannot be read", "restore the file in the results folder from a backup"
        ) from error


def _envelope(anchor: Dataset, rejection: Rejection, uid: str, series_uid: str) -> Dataset:
    """Fill the Patient, Study, Series, Equipment, Key Object Document and SOP Common modules."""
    note = new_dataset(anchor)
    copy_patient_and_study(anchor, note)
    now = stamp(rejection.created, text(anchor, "TimezoneOffsetFromUTC"), rejection.timezone)
    if now.offset is not None:
        note.TimezoneOffsetFromUTC = now.offset
    note.SOPClassUID, note.SOPInstanceUID = KEY_OBJECT_SELECTION, uid
    note.InstanceCreationDate, note.InstanceCreationTime = now.date, now.time
    note.SeriesDate, note.SeriesTime = now.date, now.time
    note.ContentDate, note.ContentTime = now.date, now.time
    note.Modality = "KO"
    note.SeriesInstanceUID = series_uid
    note.SeriesNumber = str(SERIES_NUMBER)
    note.SeriesDescription = SERIES_DESCRIPTION
    note.InstanceNumber = "1"
    note.Manufacturer, note.ManufacturerModelName = MANUFACTURER, PRODUCT
    note.SoftwareVersions = plain(software_version(), LONGEST_LO)
    copy_elements(anchor, note, ("DeviceSerialNumber", "DeviceUID", "InstitutionName"))
    return note


def _content(anchor: Dataset, taken: Sequence[InstanceReference], reason: str) -> Dataset:
    """Return the content tree (TID 2010)."""
    said = " ".join(part for part in ("Result withdrawn, do not use it.", plain(reason)) if part)
    children = [
        code(HAS_CONCEPT_MOD, codes.LANGUAGE, codes.ENGLISH),
        code(HAS_OBS_CONTEXT, codes.OBSERVER_TYPE, codes.DEVICE),
        uidref(HAS_OBS_CONTEXT, codes.DEVICE_OBSERVER_UID, text(anchor, "DeviceUID")),
        words(CONTAINS, codes.KEY_OBJECT_DESCRIPTION, said),
        *map(_named, taken),
    ]
    return container(None, REJECTED_FOR_PATIENT_SAFETY, children, template="2010")


def _named(entry: InstanceReference) -> Dataset:
    """Of our classes one holds pixels and is named as IMAGE, all others as COMPOSITE (TID 2010)."""
    item = Dataset()
    item.RelationshipType = CONTAINS
    item.ValueType = "IMAGE" if entry.sop_class_uid == SECONDARY_CAPTURE else "COMPOSITE"
    item.ReferencedSOPSequence = [sop_reference(entry.sop_class_uid, entry.sop_instance_uid)]
    return item
