"""Divides a data set by patient: no patient is on two sides, never is a slice drawn by itself."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.prepared import Index, Truth
from hounsfield.model.errors import TrainingError
from hounsfield.model.train.config import SplitChoice


class Part(StrEnum):
    """A side of a split."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Split:
    """Which series is where."""

    parts: tuple[Part, ...]
    """Of each series."""

    def series(self, part: Part) -> NDArray[np.int64]:
        """Return the rows of the series of a part, ascending."""
        return np.flatnonzero([one is part for one in self.parts])


def split_series(index: Index, series_truth: Truth, choice: SplitChoice) -> Split:
    """Divide the series of a data set, by the file of ``choice`` or by chance within patients alike in the first label.

    The same patients, truth and seed give the same split, whatever the order of the series. Raises TrainingError if
    training or validation would be empty, and for a file that does not cover every patient once.
    """
    by_patient = _read(choice.file, index) if choice.file else _drawn(index, series_truth, choice)
    split = Split(tuple(by_patient[patient] for patient in index.patient.tolist()))
    for part in (Part.TRAIN, Part.VALIDATION):
        if not len(split.series(part)):
            words = f"no patient is left for {part}: there are {len(by_patient)}; change [split] or add patients"
            raise TrainingError(words)
    return split


def _drawn(index: Index, series_truth: Truth, choice: SplitChoice) -> dict[str, Part]:
    strata: dict[int, list[str]] = {}
    for patient in np.unique(index.patient).tolist():
        strata.setdefault(_stratum(series_truth[index.patient == patient, 0]), []).append(patient)
    parts: dict[str, Part] = {}
    for stratum, patients in sorted(strata.items()):
        order = np.random.default_rng((choice.seed, stratum)).permutation(len(patients))
        validation = _count(choice.validation, len(patients))
        test = min(_count(choice.test, len(patients)), len(patients) - validation)
        for place, which in enumerate(order.tolist()):
            part = Part.VALIDATION if place < validation else Part.TEST if place < validation + test else Part.TRAIN
            parts[patients[which]] = part
    return parts


def _stratum(truth: NDArray[np.float32]) -> int:
    """2 for a patient with a positive series, 1 for one with negative series, 0 where nothing is known."""
    return 2 if (truth == 1).any() else 1 if (truth == 0).any() else 0


def _count(share: float, patients: int) -> int:
    """Return so many of them, at least one where a share is asked for and three or more are there."""
    return max(round(share * patients), 1 if share > 0 and patients >= 3 else 0)


def _read(file: Path, index: Index) -> dict[str, Part]:
    known = {"patient": set(index.patient.tolist()), "series": set(index.series_key.tolist())}
    owner = dict(zip(index.series_key.tolist(), index.patient.tolist(), strict=True))
    parts: dict[str, Part] = {}
    for line, row in _rows(file):
        kind = "patient" if row.get("patient") else "series"
        key = row.get(kind) or ""
        if key not in known[kind]:
            raise TrainingError(f"{file}: line {line}: no such {kind} in the prepared data set")
        try:
            part = Part((row.get("part") or "").strip())
        except ValueError as error:
            raise TrainingError(f"{file}: line {line}: part must be train, validation or test") from error
        patient = key if kind == "patient" else owner[key]
        if parts.setdefault(patient, part) is not part:
            raise TrainingError(f"{file}: line {line}: this patient stands in two parts; a patient is on one side only")
    if missing := len(known["patient"] - set(parts)):
        raise TrainingError(f"{file}: says nothing about {missing} patients of the prepared data set")
    return parts


def _rows(file: Path) -> Sequence[tuple[int, Mapping[str, str | None]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = [(reader.line_num, row) for row in reader]
            columns = set(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{file}: cannot be read as CSV ({type(error).__name__})") from error
    if "part" not in columns or not columns & {"patient", "series"}:
        raise TrainingError(f"{file}: must have the columns part, and patient or series")
    return rows


def write_split(file: Path, index: Index, split: Split) -> None:
    """Write ``patient, series, part`` of every series; it can be given as ``split.file``."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("patient", "series", "part"))
        writer.writerows(zip(index.patient.tolist(), index.series_key.tolist(), split.parts, strict=True))
