"""Pieces that several result objects share: common modules, references, coded entries, the file itself."""

from collections.abc import Iterable
from io import BytesIO

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.product import MANUFACTURER, PRODUCT, software_version
from hounsfield.daemon.results import codes
from hounsfield.daemon.results.request import InstanceReference, ObjectReference, ReportRequest
from hounsfield.daemon.results.source_attributes import (
    copy_elements,
    copy_patient_and_study,
    has_value,
    new_dataset,
    text,
)
from hounsfield.daemon.results.times import Stamp, stamp
from hounsfield.daemon.results.words import LONGEST_LO, plain, series_description
from hounsfield.model.findings import CodedConcept
from hounsfield.storage.spool_format import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME


def envelope(request: ReportRequest, reference: ObjectReference, modality: str, series_number: int) -> Dataset:
    """Return a data set with the Patient, Study, Series, Equipment and SOP Common modules filled."""
    source = request.sources[0]
    result = new_dataset(source)
    copy_patient_and_study(source, result)
    now = stamp_of(request)
    if now.offset is not None:
        result.TimezoneOffsetFromUTC = now.offset
    result.SOPClassUID = reference.sop_class_uid
    result.SOPInstanceUID = reference.sop_instance_uid
    result.InstanceCreationDate, result.InstanceCreationTime = now.date, now.time
    result.SeriesDate, result.SeriesTime = now.date, now.time
    result.ContentDate, result.ContentTime = now.date, now.time
    result.Modality = modality
    result.SeriesInstanceUID = reference.series_uid
    result.SeriesNumber = str(series_number)
    result.SeriesDescription = series_description(request)
    result.InstanceNumber = "1"
    _equipment(request, result)
    if has_value(source, "Manufacturer"):
        result.ContributingEquipmentSequence = [_scanner(source)]
    return result


def copy_body_part(source: Dataset, result: Dataset) -> None:
    """Copy Body Part Examined; without it Laterality would be required, which says nothing about a head."""
    copy_elements(source, result, ("BodyPartExamined",))
    if "BodyPartExamined" not in result:
        result.BodyPartExamined = "HEAD"


def stamp_of(request: ReportRequest) -> Stamp:
    """Return the moment of the result as its objects write it."""
    offset = text(request.sources[0], "TimezoneOffsetFromUTC")
    return stamp(request.created, offset, request.site.timezone)


def coded(concept: CodedConcept) -> Dataset:
    """Return a code sequence item (PS3.3 section 8.8)."""
    item = Dataset()
    # longer values belong into Long Code Value (0008,0119)
    setattr(item, "CodeValue" if len(concept.value) <= 16 else "LongCodeValue", concept.value)
    item.CodingSchemeDesignator = concept.scheme
    item.CodeMeaning = plain(concept.meaning, LONGEST_LO)
    return item


def image_reference(source: Dataset, frame: int | None = None) -> Dataset:
    """Return an Image SOP Instance Reference (PS3.3 table 10-3) to a source image, or to one ``frame`` of it."""
    return sop_reference(text(source, "SOPClassUID"), text(source, "SOPInstanceUID"), frame)


def sop_reference(sop_class_uid: str, sop_instance_uid: str, frame: int | None = None) -> Dataset:
    """Return Referenced SOP Class and Instance UID (PS3.3 table 10-11), with a frame number if one frame is meant."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    if frame is not None:
        item.ReferencedFrameNumber = str(frame)
    return item


def hierarchical(references: Iterable[InstanceReference]) -> list[Dataset]:
    """Return a Hierarchical SOP Instance Reference (PS3.3 C.17.2.1): each instance once, in the order given."""
    tree: dict[str, dict[str, dict[str, str]]] = {}
    for study, series, sop_class, instance in references:
        tree.setdefault(study, {}).setdefault(series, {}).setdefault(instance, sop_class)
    studies = []
    for study, of_study in tree.items():
        entry = Dataset()
        entry.StudyInstanceUID = study
        entry.ReferencedSeriesSequence = [_series_reference(series, found) for series, found in of_study.items()]
        studies.append(entry)
    return studies


def part10(dataset: Dataset) -> bytes:
    """Return the whole file (PS3.10), Explicit VR Little Endian; raise :class:`ResultError` if it cannot be encoded."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(dataset.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = UID(dataset.SOPInstanceUID)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    dataset.file_meta = meta
    buffer = BytesIO()
    try:
        dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    except (ValueError, TypeError, AttributeError, NotImplementedError, LookupError) as error:
        raise ResultError(
            f"a result object cannot be encoded ({type(error).__name__})",
            "the source's patient or study attributes may be broken; `hounsfield series show` names the series",
        ) from error
    return buffer.getvalue()


def _series_reference(series: str, instances: dict[str, str]) -> Dataset:
    entry = Dataset()
    entry.SeriesInstanceUID = series
    entry.ReferencedSOPSequence = [sop_reference(sop_class, uid) for uid, sop_class in instances.items()]
    return entry


def _equipment(request: ReportRequest, result: Dataset) -> None:
    bundle = request.bundle
    result.Manufacturer = MANUFACTURER
    result.ManufacturerModelName = PRODUCT
    result.DeviceSerialNumber = request.device_uid
    result.DeviceUID = request.device_uid
    result.SoftwareVersions = [
        plain(software_version(), LONGEST_LO),
        plain(f"{bundle.name} {bundle.version}", LONGEST_LO),
    ]
    if institution := plain(request.site.name, LONGEST_LO):
        result.InstitutionName = institution


def _scanner(source: Dataset) -> Dataset:
    item = Dataset()
    item.set_original_encoding(False, True, item._character_set)
    item.PurposeOfReferenceCodeSequence = [coded(codes.ACQUISITION_EQUIPMENT)]
    described = (
        "Manufacturer",
        "InstitutionName",
        "StationName",
        "InstitutionalDepartmentName",
        "ManufacturerModelName",
        "DeviceSerialNumber",
        "SoftwareVersions",
    )
    copy_elements(source, item, described)
    return item
