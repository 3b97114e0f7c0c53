"""Small generated copies of every layout of data sets, clean by default; tests spoil them.

series_folders(root)     folders a, b, c ... of DICOM series with series.csv and slices.csv
rsna(root)               one folder of ID_xxx.dcm and stage_2_train.csv
cq500(root)              CQ500CTn folders with two series each, and reads.csv
images(root)             PNG, JPEG and DICOM files with labels.csv
described(root, **data)  writes data.toml and reads it
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from pydicom.dataset import Dataset
from support.ct_factory import ct_slice, head_hu, write

from hounsfield.model.data.config import DataSet, read_data_config
from hounsfield.model.toml_text import toml_text

SLICES = 6


def hu_of(seed: int, size: int = 64) -> np.ndarray:
    """A crude head that no other seed gives; int16 (size, size)."""
    noise = np.random.default_rng(seed).integers(-3, 4, (size, size))
    return (head_hu(size) + noise).astype(np.int16)


def head_series(name: str, seed: int, *, slices: int = SLICES, **attributes: object) -> list[Dataset]:
    """An axial series of a patient of its own, no two slices alike."""
    attributes = {"PatientID": f"P-{name}"} | attributes
    return [ct_slice(hu_of(100 * seed + k), z=5.0 * k, name=name, **attributes) for k in range(slices)]


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def described(root: Path, /, **data: object) -> DataSet:
    """The data set of a ``[data]`` table that is written into ``root``."""
    path = root / "data.toml"
    path.write_text(toml_text({"data": data}), encoding="utf-8")
    return read_data_config(path)


def series_folders(root: Path, *, count: int = 4) -> DataSet:
    """Folders a, b, ... : every second one bleeds, in its upper half."""
    names = [chr(ord("a") + k) for k in range(count)]
    rows, slice_rows = [], []
    for k, name in enumerate(names):
        bleeding = k % 2
        rows.append((name, bleeding))
        for number, dataset in enumerate(head_series(name, k)):
            write(dataset, root / name / f"{SLICES - number:02}.dcm")
            slice_rows.append((f"{name}/{SLICES - number:02}.dcm", int(bleeding and number >= SLICES // 2)))
    write_table(root / "series.csv", ("folder", "bleed"), rows)
    write_table(root / "slices.csv", ("file", "bleed"), slice_rows)
    return series_config(root)


def series_config(root: Path, **more: object) -> DataSet:
    tables = {"series_table": {"file": "series.csv"}, "slice_table": {"file": "slices.csv"}}
    return described(root, **({"layout": "series", "labels": ["bleed"], **tables} | more))


RSNA_LABELS = ("epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural", "any")


def rsna(root: Path, *, count: int = 3) -> DataSet:
    """Series in one folder under names that say nothing of them; the second has a subdural haemorrhage in its top."""
    rows = []
    for k in range(count):
        for number, dataset in enumerate(head_series(f"rsna{k}", k)):
            name = f"ID_{(7919 * (k + 3 * number + 1)) % 0xFFFFF:09x}"
            write(dataset, root / "stage_2_train" / f"{name}.dcm")
            bleeds = int(k == 1 and number >= 4)
            rows += [(f"{name}_{label}", bleeds if label in ("subdural", "any") else 0) for label in RSNA_LABELS]
    write_table(root / "stage_2_train.csv", ("ID", "Label"), rows)
    return described(root, layout="rsna-2019")


CQ500_COLUMNS = tuple(
    f"R{reader}:{finding}" for reader in (1, 2, 3) for finding in ("ICH", "IPH", "IVH", "SDH", "EDH", "SAH")
)


def cq500(root: Path, *, count: int = 2) -> DataSet:
    """Heads with a thin and a thick series; two of three readers see a subdural haemorrhage in every second head."""
    rows = []
    for k in range(count):
        home = root / f"CQ500CT{k} CQ500CT{k}" / "Unknown Study"
        for folder, thickness in (("CT PLAIN THIN", "1.25"), ("CT Plain", "5")):
            series = head_series(f"{k} {folder}", 10 * k + len(folder), PatientID="", SliceThickness=thickness)
            for number, dataset in enumerate(series):
                write(dataset, home / folder / f"CT{number:06}.dcm")
        votes = {reader: int(bool(k % 2) and reader != 3) for reader in (1, 2, 3)}
        cells = [votes[int(c[1])] if c.endswith(("ICH", "SDH")) else 0 for c in CQ500_COLUMNS]
        rows.append((f"CQ500-CT-{k}", "B1", *cells))
    write_table(root / "reads.csv", ("name", "Category", *CQ500_COLUMNS), rows)
    return described(root, layout="cq500")


def grey(seed: int, size: int = 32) -> np.ndarray:
    """Grey values that no other seed gives; uint8 (size, size)."""
    return np.random.default_rng(seed).integers(0, 256, (size, size)).astype(np.uint8)


def images(root: Path) -> DataSet:
    """Two PNG, two JPEG and one DICOM file, each of a patient of its own."""
    rows = []
    for k, name in enumerate(("one.png", "two.png", "three.jpg", "four.jpeg")):
        (root / "pictures").mkdir(parents=True, exist_ok=True)
        save_picture(root / "pictures" / name, grey(k))
        rows.append((f"pictures/{name}", k % 2, f"patient {k}"))
    write(ct_slice(hu_of(5), PatientID="P-5"), root / "five.dcm")
    write_table(root / "labels.csv", ("file", "bleed", "patient"), [*rows, ("five.dcm", 1, "patient 5")])
    return images_config(root)


def images_config(root: Path, **more: object) -> DataSet:
    return described(root, **({"layout": "images", "labels": ["bleed"], "image_range": [0, 80]} | more))


def save_picture(path: Path, values: np.ndarray) -> None:
    assert cv2.imwrite(str(path), values)
