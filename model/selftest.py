"""The golden self-test: a bundle is served only if it still answers what it answered when it was made."""

import io
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.aggregation import Scores
from hounsfield.model.bundle import Bundle, write_bundle
from hounsfield.model.errors import BundleError
from hounsfield.model.manifest import Golden
from hounsfield.model.predictor import Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What the self-test measured."""

    passed: bool
    largest_difference: float
    """Between a golden score and the score now, absolute."""
    tolerance: float
    slices: int
    device: str
    seconds: float


@dataclass(frozen=True, slots=True)
class GoldenSlices:
    """The content of ``golden/slices.npz``."""

    hu: NDArray[np.int16]
    """(n, rows, columns) HU."""
    spacing_mm: NDArray[np.float64]
    """(n, 2): between rows, between columns."""
    expected: Scores
    """(n, labels)."""

    @property
    def spacings(self) -> list[tuple[float, float]]:
        """As the predictor takes them."""
        return [(float(row), float(column)) for row, column in self.spacing_mm]


def selftest(bundle: Bundle, predictor: Predictor | None = None) -> SelfTest:
    """Score the golden slices and compare; ``predictor`` is the loaded one if there is one.

    Raises BundleError if the golden file or the model cannot be used.
    """
    started = time.perf_counter()
    golden = read_golden(bundle)
    predictor = predictor or Predictor(bundle)
    scores = predictor.score(golden.hu, golden.spacings)
    difference = float(np.max(np.abs(scores.astype(np.float64) - golden.expected)))
    tolerance = bundle.manifest.golden.tolerance
    return SelfTest(
        passed=difference <= tolerance,
        largest_difference=difference,
        tolerance=tolerance,
        slices=len(golden.hu),
        device=predictor.device,
        seconds=time.perf_counter() - started,
    )


def read_golden(bundle: Bundle) -> GoldenSlices:
    """Read and check the golden slices; raises BundleError."""
    path = bundle.folder / bundle.manifest.golden.file
    try:
        with np.load(path, allow_pickle=False) as archive:
            hu, spacing, expected = (archive[name] for name in ("hu", "spacing", "expected"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path}: must be an npz with hu, spacing and expected ({type(error).__name__})") from error
    labels = len(bundle.manifest.output.labels)
    if hu.dtype != np.int16 or hu.ndim != 3 or 0 in hu.shape:
        raise BundleError(f"{path}: hu must be int16 of shape (n, rows, columns), not {hu.dtype} {hu.shape}")
    if spacing.shape not in ((2,), (len(hu), 2)):
        raise BundleError(f"{path}: spacing must have shape (2,) or (n, 2), not {spacing.shape}")
    if expected.shape != (len(hu), labels) or not np.all((expected >= 0) & (expected <= 1)):
        raise BundleError(f"{path}: expected must be scores in [0, 1] of shape ({len(hu)}, {labels})")
    return GoldenSlices(hu, np.broadcast_to(spacing, (len(hu), 2)).astype(np.float64), expected.astype(np.float32))


def golden_bytes(hu: NDArray[np.int16], spacing_mm: NDArray[np.floating], expected: Scores) -> bytes:
    """Return the npz of golden slices; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    arrays: dict[str, NDArray[Any]] = {
        "hu": np.asarray(hu, np.int16),
        "spacing": np.asarray(spacing_mm, np.float64),
        "expected": np.asarray(expected, np.float32),
    }
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, np.ascontiguousarray(array), allow_pickle=False)
            # A fixed date: numpy.savez would write the time into the archive.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue(), 8)
    return buffer.getvalue()


def write_bundle_with_golden(
    folder: Path,
    fields: Mapping[str, Any],
    hu: NDArray[np.int16],
    spacing_mm: tuple[float, float],
    files: Mapping[str, bytes | Path] | None = None,
) -> Bundle:
    """Write a bundle whose golden scores are what its model answers now, on the CPU.

    ``hu`` has shape (n, rows, columns), HU; ``fields`` and ``files`` as for ``write_bundle``.
    """
    golden = Golden.model_validate(fields.get("golden", {}))
    bundle = write_bundle(folder, fields, files)
    return write_bundle(folder, fields, {golden.file: golden_of(bundle, hu, spacing_mm)})


def golden_of(bundle: Bundle, hu: NDArray[np.int16], spacing_mm: tuple[float, float]) -> bytes:
    """Return the golden file of slices (n, rows, columns), HU, with what the bundle's model answers now, on the CPU."""
    scores = Predictor(bundle, "cpu").score(hu, [spacing_mm] * len(hu))
    return golden_bytes(hu, np.array(spacing_mm), scores)
