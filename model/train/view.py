"""A prepared data set as a training sees it: resized if asked for, with neighbours, and with all that labels imply."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.prepared import MAP_SCALE, Prepared, Truth
from hounsfield.model.errors import TrainingError
from hounsfield.model.preprocess import PreprocessingSpec
from hounsfield.model.preprocess.scaling import scaled
from hounsfield.model.preprocess.steps import Resize
from hounsfield.model.train.config import DataChoice

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """n slices, m series, L labels. Only the slices that are asked for are read."""

    prepared: Prepared
    neighbours: int
    pixels: int | None
    """Rows and columns to which slices are resized; None: as prepared."""
    truth: Truth
    """(n, L): a slice of a negative series is negative."""
    series_truth: Truth
    """(m, L): a series with a positive slice is positive, one whose slices are all negative is negative."""
    first: Rows
    """(n,): first slice of the same series."""
    last: Rows
    """(n,): its last slice."""

    @classmethod
    def of(cls, prepared: Prepared, choice: DataChoice) -> Self:
        """Look at a prepared data set. Raises TrainingError if it was not cleaned and nobody said that this is fine."""
        if not prepared.about.clean and not choice.allow_unclean:
            words = "was not found clean: mend it with `hounsfield data check`, or set data.allow_unclean = true"
            raise TrainingError(f"{prepared.folder}: {words}")
        index = prepared.index
        first = np.searchsorted(index.series, index.series, "left")
        last = np.searchsorted(index.series, index.series, "right") - 1
        same = choice.size in (None, prepared.about.shape[0]) and prepared.about.shape[0] == prepared.about.shape[1]
        return cls(
            prepared=prepared,
            neighbours=choice.neighbours,
            pixels=None if same or choice.size is None else choice.size,
            truth=_implied_of_slices(prepared),
            series_truth=_implied_of_series(prepared),
            first=first,
            last=last,
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(rows, columns, channels) of what the network takes."""
        rows, columns, channels = self.prepared.about.shape
        side = (self.pixels, self.pixels) if self.pixels else (rows, columns)
        return *side, channels * (2 * self.neighbours + 1)

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """(rows, columns, 1) of a lesion map; no rows if there are none."""
        if self.prepared.maps is None:
            return 0, 0, 1
        return self.shape[0] // MAP_SCALE, self.shape[1] // MAP_SCALE, 1

    @property
    def preprocessing(self) -> PreprocessingSpec:
        """What a bundle has to do so that its network sees the same."""
        spec = self.prepared.about.preprocessing
        if self.pixels is None:
            return spec
        return spec.model_copy(update={"steps": (*spec.steps, Resize(pixels=self.pixels))})

    def images(self, rows: Rows) -> NDArray[np.float32]:
        """Return (k, rows, columns, channels) of these slices, neighbours lowest first; the ends repeat."""
        offsets = range(-self.neighbours, self.neighbours + 1)
        beside = [np.clip(rows + offset, self.first[rows], self.last[rows]) for offset in offsets]
        images = np.concatenate([self.prepared.tensors[one] for one in beside], axis=-1).astype(np.float32)
        return images if self.pixels is None else np.stack([self._resized(image, self.pixels) for image in images])

    def maps(self, rows: Rows) -> NDArray[np.float32]:
        """Return (k, rows / 4, columns / 4, 1): share of lesion; no rows where the data set has none."""
        if self.prepared.maps is None:
            return np.zeros((len(rows), *self.map_shape), np.float32)
        maps = self.prepared.maps[rows].astype(np.float32)
        height, width, _ = self.map_shape
        if maps.shape[1:3] == (height, width):
            return maps
        return np.stack([cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA) for one in maps])[..., None]

    def slices_of(self, series: Rows) -> Rows:
        """Return the rows of all slices of these series."""
        return np.flatnonzero(np.isin(self.prepared.index.series, series))

    def steps_mm(self, series: int) -> list[float]:
        """Return the n - 1 distances of the slices of a series, mm."""
        position = self.prepared.index.position_mm[self.prepared.index.rows_of(series)]
        return [float(step) for step in np.diff(position)]

    @staticmethod
    def _resized(image: NDArray[np.float32], pixels: int) -> NDArray[np.float32]:
        """As the step ``resize`` does it, a channel at a time: OpenCV takes no more than a few."""
        channels = [scaled(np.ascontiguousarray(image[..., one]), pixels) for one in range(image.shape[-1])]
        return np.stack(channels, axis=-1).astype(np.float32)


def _implied_of_slices(prepared: Prepared) -> Truth:
    index = prepared.index
    negative = np.isnan(index.truth) & (index.series_truth[index.series] == 0)
    return np.where(negative, np.float32(0), index.truth)


def _implied_of_series(prepared: Prepared) -> Truth:
    index = prepared.index
    first = np.searchsorted(index.series, np.arange(len(index.series_key)))
    positive = np.maximum.reduceat(index.truth == 1, first, axis=0)
    negative = np.minimum.reduceat(index.truth == 0, first, axis=0)
    implied = np.where(positive, np.float32(1), np.where(negative, np.float32(0), np.float32(np.nan)))
    return np.where(np.isnan(index.series_truth), implied, index.series_truth).astype(np.float32)
