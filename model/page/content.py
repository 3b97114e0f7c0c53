"""What stands on the pages of a result: plain values and HU, never patient data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.page.labels import ENGLISH, PageLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSlice:
    """One slice to be shown."""

    number: int
    """Its place in the volume, from 1."""
    hu: NDArray[np.floating]
    """(rows, columns) HU."""
    score: float | None
    pixel_spacing: tuple[float, float] = (1.0, 1.0)
    """Distance of rows, distance of columns, mm."""
    orientation: tuple[float, ...] | None = None
    """Image Orientation (Patient); None draws no markers."""
    heatmap: NDArray[np.floating] | None = None
    """(rows, columns) in the pixels of the slice, in [0, 1]: what the score of this slice rests on; None: not made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherScore:
    """The series score of another label, such as a kind of the finding."""

    name: str
    """As the bundle calls it."""
    score: float
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """One analysis as it is shown to a reader."""

    verdict: str
    """FLAGGED, NOT FLAGGED or NOT ANALYSED, in every language; ``labels.verdict`` has the words for it."""
    words: str
    """Why it was not analysed; empty otherwise."""
    short: str
    """The finding, as in the Series Description: ICH."""
    score: float | None
    score_word: str
    """Score, or Probability for a calibrated model, in the language of the page."""
    threshold: float | None
    """Operating point of the series score."""
    slice_threshold: float | None
    """At and above it a slice is drawn as flagged."""
    slice_scores: tuple[float, ...]
    """One per slice, in volume order (feet to head)."""
    slices: tuple[PageSlice, ...]
    """At most four."""
    further: tuple[FurtherScore, ...] = ()
    """Of a flagged series, in the order of the bundle; empty: there are no other labels."""
    bundle: str
    """Name and version."""
    completeness: str
    remarks: tuple[str, ...]
    banner: str
    """As for a demonstration bundle; empty if none."""
    labels: PageLabels = ENGLISH
    """The fixed texts of the page."""
