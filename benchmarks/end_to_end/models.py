"""The demonstration model as one uses it by hand: headers, pixels, preprocessing, two networks, a score.

For the peers. Preprocessing is part of the model, so it is the bundle's own code; everything else is what one writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pydicom import Dataset

from hounsfield.model.bundle import Bundle, bundled, open_bundle
from hounsfield.model.interleave import sequences_of
from hounsfield.model.networks.sequence import SERIES
from hounsfield.model.preprocess import Preprocessor

SCORE = "Score"
"""What a report calls it in words."""
_BATCH = 16


def in_order(images: Sequence[Dataset]) -> list[Dataset]:
    """Return axial images from the lowest upwards."""
    return sorted(images, key=lambda image: float(image.ImagePositionPatient[2]))


def hounsfield_units(image: Dataset) -> np.ndarray:
    """Return a slice (rows, columns) in HU."""
    hu: np.ndarray = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
    return hu


def spacing_of(image: Dataset) -> tuple[float, float]:
    """Return mm between rows and between columns."""
    rows, columns = (float(mm) for mm in image.PixelSpacing)
    return rows, columns


def steps_of(images: Sequence[Dataset]) -> list[float]:
    """Return mm from each slice to the next."""
    return [float(mm) for mm in np.diff([float(image.ImagePositionPatient[2]) for image in images])]


@dataclass(frozen=True, slots=True)
class KerasModel:
    """Both networks as Keras has them, called with ``predict`` as tutorials do."""

    bundle: Bundle
    preprocessor: Preprocessor
    slices: Any
    series: Any

    @classmethod
    def load(cls) -> Self:
        """Load the bundle that comes along."""
        import keras

        bundle = open_bundle(bundled())
        assert bundle.sequence_path is not None
        networks = (keras.saving.load_model(path, compile=False) for path in (bundle.model_path, bundle.sequence_path))
        return cls(bundle, Preprocessor.from_spec(bundle.manifest.preprocessing), *networks)

    def score(self, images: Sequence[Dataset]) -> float:
        """Return the score of a series whose images are in order."""
        tensors = [self.preprocessor.tensor(hounsfield_units(image), spacing_of(image)) for image in images]
        vectors = self.slices.predict(np.stack(tensors), batch_size=_BATCH, verbose=0)
        sequence = self.bundle.manifest.sequence
        assert sequence is not None
        rows = sequences_of(vectors, steps_of(images), sequence.step_mm[0])
        answers = [self._of_series(self.series.predict(one[None], verbose=0)) for one in rows]
        return float(np.mean([answer[0, self.bundle.manifest.output.labels[0].index] for answer in answers]))

    def _of_series(self, outputs: Any) -> np.ndarray:
        named = outputs if isinstance(outputs, dict) else dict(zip(self.series.output_names, outputs, strict=True))
        return np.asarray(named[SERIES])
