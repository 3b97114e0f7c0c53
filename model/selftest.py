"""The golden self-test: a bundle is served only if it still answers what it answered when it was made."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.bundle import Bundle, write_bundle
from hounsfield.model.golden import golden_bytes, read_golden
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


def selftest(bundle: Bundle, predictor: Predictor | None = None) -> SelfTest:
    """Score the golden slices and compare; ``predictor`` is the loaded one if there is one.

    The golden slices of a sequence bundle are one series, and its score is compared too. Raises BundleError if the
    golden file or the model cannot be used.
    """
    started = time.perf_counter()
    golden = read_golden(bundle)
    predictor = predictor or Predictor(bundle)
    difference = golden.difference(predictor.analyse(golden.hu, golden.spacings, golden.steps_mm))
    tolerance = bundle.manifest.golden.tolerance
    return SelfTest(
        passed=difference <= tolerance,
        largest_difference=difference,
        tolerance=tolerance,
        slices=len(golden.hu),
        device=predictor.device,
        seconds=time.perf_counter() - started,
    )


def write_bundle_with_golden(
    folder: Path,
    fields: Mapping[str, Any],
    hu: NDArray[np.int16],
    spacing_mm: tuple[float, float],
    files: Mapping[str, bytes | Path] | None = None,
    positions_mm: Sequence[float] | None = None,
) -> Bundle:
    """Write a bundle whose golden scores are what its model answers now, on the CPU.

    ``hu`` has shape (n, rows, columns), HU; ``fields`` and ``files`` as for ``write_bundle``. ``positions_mm`` (n,),
    ascending along the normal, is needed for a bundle whose model answers for the series: ``hu`` is one, then. Raises
    ValueError where it is missing.
    """
    golden = Golden.model_validate(fields.get("golden", {}))
    bundle = write_bundle(folder, fields, files)
    return write_bundle(folder, fields, {golden.file: golden_of(bundle, hu, spacing_mm, positions_mm)})


def golden_of(
    bundle: Bundle,
    hu: NDArray[np.int16],
    spacing_mm: tuple[float, float],
    positions_mm: Sequence[float] | None = None,
) -> bytes:
    """Return the golden file of slices with what the bundle's model answers now, on the CPU.

    Parameters as for :func:`write_bundle_with_golden`.
    """
    by_model = bundle.manifest.sequence is not None
    if by_model and (positions_mm is None or len(positions_mm) != len(hu)):
        raise ValueError("the golden slices of a sequence bundle need one position (mm) each")
    steps = np.diff(positions_mm) if positions_mm is not None else np.zeros(max(len(hu) - 1, 0))
    scores = Predictor(bundle, "cpu").analyse(hu, [spacing_mm] * len(hu), [float(step) for step in steps])
    of_series = scores.series if by_model else None
    return golden_bytes(hu, np.array(spacing_mm), scores.slices, of_series, positions_mm)
