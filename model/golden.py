"""The golden slices of a bundle: what it was shown when it was made, and what it answered."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.aggregation import Scores
from hounsfield.model.bundle import Bundle
from hounsfield.model.errors import BundleError
from hounsfield.model.manifest import BY_MODEL
from hounsfield.model.series_scores import SeriesScores

_ALWAYS = ("hu", "spacing", "expected")
_OF_A_SERIES = ("expected_series", "positions_mm")
_NUMBERS = "iuf"
"""Kinds of dtype: whole numbers and floats."""


@dataclass(frozen=True, slots=True)
class GoldenSlices:
    """The content of ``golden/slices.npz``."""

    hu: NDArray[np.int16]
    """(n, rows, columns) HU."""
    spacing_mm: NDArray[np.float64]
    """(n, 2): between rows, between columns."""
    expected: Scores
    """(n, labels)."""
    expected_series: Scores | None = None
    """(labels,), of a bundle whose model answers for the series; None otherwise."""
    positions_mm: NDArray[np.float64] | None = None
    """(n,) along the normal, ascending, of such a bundle."""

    @property
    def spacings(self) -> list[tuple[float, float]]:
        """As the predictor takes them."""
        return [(float(row), float(column)) for row, column in self.spacing_mm]

    @property
    def steps_mm(self) -> list[float]:
        """(n - 1,), as the predictor takes them; zeros where no position is known, and none matters."""
        positions = np.zeros(len(self.hu)) if self.positions_mm is None else self.positions_mm
        return [float(step) for step in np.diff(positions)]

    def difference(self, scores: SeriesScores) -> float:
        """Return the largest absolute difference of a score, of slices and series."""
        found = float(np.max(np.abs(scores.slices.astype(np.float64) - self.expected)))
        if self.expected_series is not None:
            found = max(found, float(np.max(np.abs(scores.series.astype(np.float64) - self.expected_series))))
        return found


def read_golden(bundle: Bundle) -> GoldenSlices:
    """Read and check the golden slices; raises BundleError."""
    path = bundle.folder / bundle.manifest.golden.file
    by_model = bundle.manifest.output.aggregation == BY_MODEL
    names = (*_ALWAYS, *_OF_A_SERIES) if by_model else _ALWAYS
    words = f"{', '.join(names[:-1])} and {names[-1]}"
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path}: must be an npz with {words} ({type(error).__name__})") from error
    problem = _problem(found, len(bundle.manifest.output.labels))
    if problem is not None:
        raise BundleError(f"{path}: {problem}")
    count = len(found["hu"])
    return GoldenSlices(
        hu=found["hu"],
        spacing_mm=np.broadcast_to(found["spacing"], (count, 2)).astype(np.float64),
        expected=found["expected"].astype(np.float32),
        expected_series=found["expected_series"].astype(np.float32) if by_model else None,
        positions_mm=found["positions_mm"].astype(np.float64) if by_model else None,
    )


def _problem(found: Mapping[str, NDArray[Any]], labels: int) -> str | None:
    hu, spacing = found["hu"], found["spacing"]
    if hu.dtype != np.int16 or hu.ndim != 3 or 0 in hu.shape:
        return f"hu must be int16 of shape (n, rows, columns), not {hu.dtype} {hu.shape}"
    if words := [name for name, values in found.items() if values.dtype.kind not in _NUMBERS]:
        return f"{words[0]} must be numbers, not {found[words[0]].dtype}"
    if spacing.shape not in ((2,), (len(hu), 2)):
        return f"spacing must have shape (2,) or (n, 2), not {spacing.shape}"
    if not np.all(np.isfinite(spacing) & (spacing > 0)):
        return "spacing must be positive numbers of mm"
    for name, shape in (("expected", (len(hu), labels)), ("expected_series", (labels,))):
        if name in found and not _are_scores(found[name], shape):
            return f"{name} must be scores in [0, 1] of shape {shape}"
    if "positions_mm" in found and not _ascend(found["positions_mm"], len(hu)):
        return f"positions_mm must be {len(hu)} ascending numbers"
    return None


def _are_scores(values: NDArray[Any], shape: tuple[int, ...]) -> bool:
    return values.shape == shape and bool(np.all((values >= 0) & (values <= 1)))


def _ascend(values: NDArray[Any], count: int) -> bool:
    return values.shape == (count,) and bool(np.all(np.isfinite(values)) and np.all(np.diff(values) > 0))


def golden_bytes(
    hu: NDArray[np.int16],
    spacing_mm: NDArray[np.floating],
    expected: Scores,
    expected_series: Scores | None = None,
    positions_mm: Sequence[float] | NDArray[np.floating] | None = None,
) -> bytes:
    """Return the npz of golden slices; the same arrays give the same bytes.

    The last two belong to a bundle whose model answers for the series.
    """
    arrays: dict[str, NDArray[Any]] = {
        "hu": np.asarray(hu, np.int16),
        "spacing": np.asarray(spacing_mm, np.float64),
        "expected": np.asarray(expected, np.float32),
    }
    if expected_series is not None and positions_mm is not None:
        arrays["expected_series"] = np.asarray(expected_series, np.float32)
        arrays["positions_mm"] = np.asarray(positions_mm, np.float64)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, np.ascontiguousarray(array), allow_pickle=False)
            # A fixed date: numpy.savez would write the time into the archive.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue(), 8)
    return buffer.getvalue()
