import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from hounsfield.model.phantom import PhantomSpec, render, write_series

SMALL = PhantomSpec(seed=3, matrix=64, slices=8)


def read(paths: list[Path]) -> list[FileDataset]:
    return [dcmread(path) for path in paths]


def positions(instances: list[FileDataset]) -> np.ndarray:
    return np.array([[float(mm) for mm in one.ImagePositionPatient] for one in instances])


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = write_series(tmp_path / "a", SMALL), write_series(tmp_path / "b", SMALL)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_pixels_are_the_hu_of_the_phantom(tmp_path: Path) -> None:
    paths = write_series(tmp_path, SMALL)
    hu = render(SMALL).hu
    for index, one in enumerate(read(paths)):
        stored = one.pixel_array.astype(int) * int(one.RescaleSlope) + int(one.RescaleIntercept)
        assert np.array_equal(stored, hu[index])


def test_a_dropped_slice_leaves_a_hole(tmp_path: Path) -> None:
    whole = read(write_series(tmp_path / "whole", SMALL))
    holed = read(write_series(tmp_path / "holed", replace(SMALL, drop=(3, 4))))
    assert len(holed) == 6
    assert np.diff(positions(holed)[:, 2]).tolist() == [5, 5, 15, 5, 5]
    assert {one.SOPInstanceUID for one in holed} < {one.SOPInstanceUID for one in whole}
    assert {one.SeriesInstanceUID for one in holed} == {one.SeriesInstanceUID for one in whole}


def test_uids_follow_from_what_decides_the_pixels_and_the_salt() -> None:
    specs = [SMALL, replace(SMALL, seed=4), replace(SMALL, lesion="subdural"), replace(SMALL, uid_salt="x")]
    assert len({spec.uid("series") for spec in specs}) == 4
    assert replace(SMALL, patient_name="OTHER", drop=(1,)).uid("series") == SMALL.uid("series")
    assert SMALL.uid("series").startswith("2.25.")
    assert len(SMALL.uid("series")) <= 64


@pytest.mark.parametrize("tilt", [0.0, 15.0, -20.0])
def test_a_tilt_turns_the_planes_while_the_table_moves_along_the_patient(tmp_path: Path, tilt: float) -> None:
    instances = read(write_series(tmp_path, replace(SMALL, tilt_degrees=tilt)))
    across, down = np.split(np.array([float(v) for v in instances[0].ImageOrientationPatient]), 2)
    normal = np.cross(across, down)
    steps = np.diff(positions(instances), axis=0)
    assert np.allclose(steps, [0, 0, 5], atol=1e-4)
    angle = np.degrees(np.arccos(np.clip(steps[0] @ normal / 5, -1, 1)))
    assert angle == pytest.approx(abs(tilt), abs=0.01)


@pytest.mark.parametrize(
    ("name", "charset"),
    [
        ("Müller^Jürgen", ("ISO_IR 100",)),
        ("Yamada^Tarou=山田^太郎", ("", "ISO 2022 IR 87")),
        ("Øster^Åse", ("ISO_IR 192",)),
    ],
)
def test_names_survive_their_character_set(tmp_path: Path, name: str, charset: tuple[str, ...]) -> None:
    spec = replace(SMALL, patient_name=name, patient_id="4711", charset=charset)
    first = read(write_series(tmp_path, spec))[0]
    assert str(first.PatientName) == name
    assert first.PatientID == "4711"


@pytest.mark.parametrize(
    "spec",
    [
        SMALL,
        replace(SMALL, tilt_degrees=12.5, lesion="subarachnoid", matrix=96, slices=20),
        replace(SMALL, patient_name="Yamada^Tarou=山田^太郎", charset=("", "ISO 2022 IR 87")),
    ],
    ids=["plain", "tilted with lesion", "japanese"],
)
def test_dciodvfy_has_nothing_to_say(tmp_path: Path, spec: PhantomSpec) -> None:
    for path in write_series(tmp_path, spec)[:2]:
        done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0
        assert (done.stdout + done.stderr).split() == ["CTImage"]


def test_nothing_makes_it_look_like_a_quality_control_phantom(tmp_path: Path) -> None:
    one = read(write_series(tmp_path, SMALL))[0]
    assert list(one.ImageType) == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert one.BodyPartExamined == "HEAD"
    assert "QualityControlImage" not in one
    words = f"{one.SeriesDescription} {one.StudyDescription} {one.ProtocolName} {one.ManufacturerModelName}".lower()
    assert "phantom" not in words
    assert "qa" not in words


@pytest.mark.parametrize(
    "wrong",
    [
        {"lesion": "stroke"},
        {"seed": -1},
        {"slices": 0},
        {"matrix": 4},
        {"drop": (8,)},
        {"drop": tuple(range(8))},
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"lesion|seed|slice|drop"):
        replace(SMALL, **wrong)
