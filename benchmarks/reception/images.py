"""The image that is sent: a generated CT slice of 512 x 512 x 2 bytes (about 525 kB), Explicit VR Little Endian."""

import sys
from dataclasses import dataclass
from pathlib import Path

import sender
from pydicom import dcmread

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from support.ct_factory import ct_slice, head_hu, write


@dataclass(frozen=True)
class Image:
    """One slice in two forms."""

    file: Path
    """A DICOM file, for storescu."""
    dataset: Path
    """Its data set alone, for our sender."""

    @property
    def size(self) -> int:
        """Bytes of the data set."""
        return self.dataset.stat().st_size


def write_image(folder: Path) -> Image:
    """Generate the slice and write both forms into ``folder``."""
    hu = head_hu(512)
    dataset = ct_slice(hu, SOPInstanceUID=sender.INSTANCE, SeriesInstanceUID=sender.SERIES)
    file = write(dataset, folder / "image.dcm")
    # Preamble, prefix, and the File Meta Information Group Length element itself: 128 + 4 + 12 bytes.
    start = 144 + int(dcmread(file, stop_before_pixels=True).file_meta.FileMetaInformationGroupLength)
    bare = folder / "image.dataset"
    bare.write_bytes(file.read_bytes()[start:])
    return Image(file, bare)
