"""Generated CT images of nobody, whose every value can be told from all others."""

import io
from dataclasses import dataclass

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.datadict import dictionary_VR
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian

from hounsfield.daemon.results.source_attributes import OPTIONAL, REQUIRED

SOURCE_SCHEME = "99SOURCE"
"""Stands for the coding schemes that scanners use."""
_EQUIPMENT = ("Manufacturer", "InstitutionName", "StationName", "InstitutionalDepartmentName", "ManufacturerModelName")
_SERIAL = ("DeviceSerialNumber", "SoftwareVersions")
_VALUES: dict[str, tuple[str, str]] = {
    "AS": ("050Y", "060Y"),
    "CS": ("FIRST", "SECOND"),
    "DA": ("19500101", "19610202"),
    "DS": ("1.5", "1.75"),
    "PN": ("First^Name", "Second^Name"),
    "TM": ("101112", "131415"),
}
"""By value representation: of the first and of the second images."""
_MARKS = ("A", "B")
_SLICES = 3
_ROOT = "2.25.77"


@dataclass(frozen=True, slots=True)
class Images:
    """The images of one series."""

    mark: str
    """Which of the generated series."""
    sop_class: str
    datasets: tuple[Dataset, ...]

    def received(self) -> tuple[Dataset, ...]:
        """Return them as they are read from the spool, with their elements raw."""
        return tuple(_read(one) for one in self.datasets)

    def slices(self) -> list[tuple[str, int | None]]:
        """Return SOP Instance UID and frame number of each slice."""
        if len(self.datasets) > 1:
            return [(str(one.SOPInstanceUID), None) for one in self.datasets]
        return [(str(self.datasets[0].SOPInstanceUID), frame) for frame in range(1, _SLICES + 1)]


def classic() -> Images:
    """Single-frame images with all that is copied."""
    datasets = tuple(_image(number, "A", CTImageStorage, is_full=True) for number in range(1, _SLICES + 1))
    return Images("A", CTImageStorage, datasets)


def bare() -> Images:
    """Single-frame images that name no more than they must."""
    datasets = tuple(_image(number, "C", CTImageStorage, is_full=False) for number in range(1, _SLICES + 1))
    return Images("C", CTImageStorage, datasets)


def sparse() -> Images:
    """The same with an order and a maker, of whom nothing else is known."""
    datasets = tuple(_image(number, "D", CTImageStorage, is_full=False) for number in range(1, _SLICES + 1))
    for dataset in datasets:
        dataset.AccessionNumber, dataset.Manufacturer = "D order", "D maker"
    datasets[-1].RescaleSlope = "2"  # it needs a presentation state of its own
    return Images("D", CTImageStorage, datasets)


def multiframe() -> Images:
    """One multi-frame image with all that is copied, in other values."""
    whole = _image(1, "B", EnhancedCTImageStorage, is_full=True)
    for keyword in ("PixelSpacing", "RescaleIntercept", "RescaleSlope"):
        del whole[keyword]
    whole.NumberOfFrames = str(_SLICES)
    group, measures, values = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = ["0.75", "0.75"]
    values.RescaleIntercept, values.RescaleSlope = "-1024", "2"
    group.PixelMeasuresSequence, group.PixelValueTransformationSequence = [measures], [values]
    whole.SharedFunctionalGroupsSequence = [group]
    return Images("B", EnhancedCTImageStorage, (whole,))


def _image(number: int, mark: str, sop_class: UID, *, is_full: bool) -> Dataset:
    image = Dataset()
    study = f"{_ROOT}.{ord(mark)}"
    image.SOPClassUID, image.SOPInstanceUID = sop_class, f"{study}.2.{number}"
    image.StudyInstanceUID, image.SeriesInstanceUID = study, f"{study}.2"
    image.Modality, image.InstanceNumber = "CT", str(100 + number)
    image.Rows, image.Columns = (24, 32) if mark == "B" else (16, 18)
    image.RescaleIntercept, image.RescaleSlope = "0", "1"
    if is_full:
        _fill(image, mark)
    return image


def _fill(image: Dataset, mark: str) -> None:
    image.SpecificCharacterSet = "ISO_IR 100" if mark == "A" else "ISO_IR 192"
    image.FrameOfReferenceUID = f"{image.StudyInstanceUID}.3"
    image.PixelSpacing = ["0.5", "0.5"]
    image.TimezoneOffsetFromUTC = "+0100" if mark == "A" else "-0500"
    image.PatientIdentityRemoved = "YES"
    copied = (*REQUIRED, *OPTIONAL, *_EQUIPMENT, *_SERIAL, "BodyPartExamined", "DeidentificationMethod")
    for keyword in copied:
        setattr(image, keyword, _value(keyword, mark))
    image.DeidentificationMethodCodeSequence = [_code("METHOD", mark)]
    image.RequestAttributesSequence = [_order(mark)]


def _value(keyword: str, mark: str) -> object:
    vr = dictionary_VR(keyword)
    if vr == "SQ":
        return [_item(keyword, mark)]
    if vr in _VALUES:
        return _VALUES[vr][_MARKS.index(mark)]
    return f"{mark} {keyword}"[:16]


def _item(keyword: str, mark: str) -> Dataset:
    if keyword.endswith("CodeSequence"):
        return _code("PROCEDURE", mark)
    item = Dataset()
    if keyword == "ReferencedStudySequence":
        item.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
        item.ReferencedSOPInstanceUID = f"{_ROOT}.{ord(mark)}"
    else:  # issuers
        item.UniversalEntityID, item.UniversalEntityIDType = f"{_ROOT}.{ord(mark)}.9", "ISO"
    return item


def _code(value: str, mark: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = f"{value} {mark}", SOURCE_SCHEME, f"As coded {mark}"
    return item


def _order(mark: str) -> Dataset:
    order = Dataset()
    order.RequestedProcedureID = f"{mark} procedure"
    order.RequestedProcedureDescription = f"{mark} description"
    order.RequestedProcedureCodeSequence = [_code("REQUESTED", mark)]
    order.AccessionNumber = f"{mark} order"
    return order


def _read(image: Dataset) -> Dataset:
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    file = io.BytesIO()
    dcmwrite(file, image, implicit_vr=False, little_endian=True, enforce_file_format=True)
    file.seek(0)
    return dcmread(file)
