"""The analysis identity: what must not change it, and what must."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from support.ct_factory import ct_series, ct_slice, head_hu, write, write_series

from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.identity import (
    InstanceIdentity,
    identity_of,
    instance_identity,
    main,
    series_identity,
)
from hounsfield.model.pixels import pixel_digest


def identity(tmp_path: Path, syntax: str = ExplicitVRLittleEndian, **attributes: object) -> str:
    return instance_identity(write(ct_slice(**attributes), tmp_path / "one.dcm", syntax=syntax)).identity  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless]
)
def test_a_lossless_transcoding_keeps_the_identity(tmp_path: Path, syntax: str) -> None:
    assert identity(tmp_path, syntax) == identity(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"StudyDescription": "other"},
        {"PatientName": "Other^Name"},
        {"SeriesDescription": None},
        {"PatientID": " T-1 "},
        {"SliceThickness": "5.000"},
        {"RescaleIntercept": "-1024.0"},
        {"AccessionNumber": "77"},
        {"ImagePositionPatient": ["-120.000", "-1.2e2", "-0.0"]},
        {"SpecificCharacterSet": "ISO_IR 192"},
    ],
)
def test_other_header_differences_keep_the_identity(tmp_path: Path, change: dict[str, object]) -> None:
    assert identity(tmp_path, **change) == identity(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"PatientID": "T-2"},
        {"PatientID": "t-1"},
        {"StudyInstanceUID": "2.25.7"},
        {"SOPInstanceUID": "2.25.8"},
        {"ImagePositionPatient": [-120.0, -120.0, 0.5]},
        {"ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, -1.0, 0.0]},
        {"PixelSpacing": [0.5, 0.5]},
        {"RescaleIntercept": "-1000", "PixelData": ct_slice().PixelData},
        {"RescaleSlope": "2"},
        {"RescaleSlope": None},
    ],
)
def test_what_a_model_or_a_patient_would_notice_changes_the_identity(tmp_path: Path, change: dict[str, object]) -> None:
    assert identity(tmp_path, **change) != identity(tmp_path)


def test_one_changed_pixel_changes_the_identity(tmp_path: Path) -> None:
    hu = head_hu().copy()
    hu[30, 30] += 1
    assert instance_identity(write(ct_slice(hu), tmp_path / "a.dcm")).identity != identity(tmp_path)


def test_pixels_that_cannot_be_decoded_count_by_their_bytes(tmp_path: Path) -> None:
    first, second = (identity(tmp_path, Rows=63, PixelData=bytes([k]) * 8192) for k in (1, 2))
    assert first != second
    assert first == identity(tmp_path, Rows=63, PixelData=b"\1" * 8192)
    assert identity(tmp_path, PixelData=None) != identity(tmp_path, PixelData=b"")


def test_a_file_that_cannot_be_read_has_an_identity_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"rubbish")
    (tmp_path / "b").write_bytes(b"rubbish!")
    assert instance_identity(tmp_path / "a") != instance_identity(tmp_path / "b")


def test_a_series_is_a_set_of_instances() -> None:
    assert series_identity(["a", "b"]) == series_identity(["b", "a", "b"])
    assert series_identity(["a", "b"]) != series_identity(["a"])
    assert series_identity([]) != series_identity([""])


def test_the_module_answers_one_line_a_path_under_limits(tmp_path: Path) -> None:
    paths = write_series(tmp_path, ct_series(3))
    done = subprocess.run(
        [sys.executable, "-m", "hounsfield.model.identity", "--memory-mb", "1500", "--cpu-seconds", "60"],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows == [{"path": str(path), **asdict(instance_identity(path))} for path in paths]


def test_the_module_says_when_a_file_is_not_there(tmp_path: Path) -> None:
    present = write(ct_slice(), tmp_path / "one.dcm")
    answers = StringIO()
    status = main([], StringIO(f"{tmp_path / 'none'}\n{present}\n"), answers)
    assert status == 1
    assert json.loads(answers.getvalue())["path"] == str(present)


def test_the_identity_is_the_same_in_every_version(tmp_path: Path) -> None:
    """It names results in archives: a change of this value makes every stored series new."""
    flat = ct_slice(np.zeros((4, 4), np.int16), SOPInstanceUID="2.25.1", StudyInstanceUID="2.25.2")
    assert (
        instance_identity(write(flat, tmp_path / "flat.dcm")).identity
        == "6e91d56464e6d2c4bbbcfa1146f2bd4ad5fc95f92d7478fa054abaaf6a957698"
    )


def test_the_content_is_the_identity_without_the_instance_uid(tmp_path: Path) -> None:
    def of(name: str, **attributes: object) -> InstanceIdentity:
        return instance_identity(write(ct_slice(**attributes), tmp_path / name))  # type: ignore[arg-type]

    first, other_uid = of("a"), of("b", SOPInstanceUID="2.25.9")
    other_place = of("c", ImagePositionPatient=[-120.0, -120.0, 0.5])
    assert first.identity != other_uid.identity
    assert first.content == other_uid.content != other_place.content
    assert first.content != first.identity


def framed(path: Path, frames: int = 3) -> list[SliceHeader]:
    pixels = np.arange(frames * 16, dtype=np.int16)
    header = read_header(write(ct_slice(head_hu(4), NumberOfFrames=str(frames), PixelData=pixels.tobytes()), path))
    return [replace(header, frame=k + 1, position=(0.0, 0.0, float(k))) for k in range(frames)]


def test_a_multi_frame_instance_counts_with_every_frame(tmp_path: Path) -> None:
    slices = framed(tmp_path / "e.dcm")
    digests = [pixel_digest(one) for one in slices]
    whole = identity_of(slices, digests)
    moved = [*slices[:2], replace(slices[2], position=(0.0, 0.0, 9.0))]
    changed = [*digests[:2], digests[0]]
    others = [identity_of(slices[:2], digests[:2]), identity_of(moved, digests), identity_of(slices, changed)]
    others += [identity_of(slices, None), identity_of(moved, None)]
    assert len({whole.identity, *(other.identity for other in others)}) == 6
    assert whole == identity_of(slices, digests)
