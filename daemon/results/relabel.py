"""The same structured report under another SOP class, for destinations that do not take Comprehensive 3D SR.

The content tree stays as it is where the class allows it (PS3.3 A.35); SOP class and instance UID change. The same
file always gives the same bytes.
"""

import io
from dataclasses import dataclass

from pydicom import Dataset, dcmread
from pydicom.uid import UID, Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage

from hounsfield.daemon.results.uids import derived_uid

FALLBACKS: dict[str, tuple[str, ...]] = {Comprehensive3DSRStorage: (ComprehensiveSRStorage, EnhancedSRStorage)}
"""The classes an object may be given under, the richest first."""

_NOT_IN_THEM = "SCOORD3D"
"""The value type that Comprehensive SR (PS3.3 A.35.3.3.1.1) and Enhanced SR (A.35.2.3.1.1) lack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relabelled:
    """An object under another SOP class."""

    sop_class_uid: str
    sop_instance_uid: str
    content: bytes
    """Part 10 file."""


def relabel(content: bytes, sop_class_uid: str) -> Relabelled | None:
    """Return a report under another class; None where its content does not fit there."""
    if not _fits(dcmread(io.BytesIO(content)), sop_class_uid):  # reading values changes how they are written
        return None
    dataset = dcmread(io.BytesIO(content))
    uid = UID(derived_uid("class", str(dataset.SOPInstanceUID), sop_class_uid))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return Relabelled(sop_class_uid=sop_class_uid, sop_instance_uid=uid, content=written.getvalue())


def _fits(item: Dataset, sop_class_uid: str) -> bool:
    """Whether the content tree holds only what the class allows; Enhanced SR has no references within the tree."""
    if item.get("ValueType") == _NOT_IN_THEM:
        return False
    return all(
        ("ReferencedContentItemIdentifier" in child and sop_class_uid == ComprehensiveSRStorage)
        or ("ReferencedContentItemIdentifier" not in child and _fits(child, sop_class_uid))
        for child in item.get("ContentSequence", ())
    )
