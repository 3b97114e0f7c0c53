"""What a model answers for a series: a score of each slice, one of the series, and how the two belong together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.aggregation import Scores, aggregation
from hounsfield.model.bundle import Bundle
from hounsfield.model.findings import Finding, SliceScore
from hounsfield.model.manifest import BY_MODEL, Label

Rows = NDArray[np.float32]
"""(m, d + 1): the vectors of slices in volume order, and as last column the distance (mm) from the slice before."""


@dataclass(frozen=True, slots=True)
class InSequence:
    """One slice among those that a sequence network read together with it."""

    rows: Rows
    place: int
    """Which row is the slice."""

    def with_vector(self, vector: NDArray[np.float32]) -> Rows:
        """Return the rows with another vector (d,) in the place of this slice."""
        rows = self.rows.copy()
        rows[self.place, :-1] = vector
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesScores:
    """Scores in [0, 1] of n slices and L labels, labels in the manifest's order."""

    slices: Scores
    """(n, L)."""
    series: Scores
    """(L,)."""
    sequences: tuple[Rows, ...] = ()
    """What the sequence network read: k rows of every k-th slice, the first of them beginning with slice 0. Empty for
    a bundle without one."""
    blank: tuple[bool, ...] = ()
    """Whether the tensor of a slice, as preprocessing made it, was nothing but zeros."""

    def in_sequence(self, number: int) -> InSequence | None:
        """Return a slice among those that were read together with it; None without a sequence network."""
        stride = len(self.sequences)
        return InSequence(self.sequences[number % stride], number // stride) if stride else None


Image = tuple[str, int | None]
"""SOP Instance UID and frame number of a slice."""


def findings(bundle: Bundle, images: Sequence[Image], scores: SeriesScores) -> tuple[Finding, ...]:
    """Make one finding of each label, in the manifest's order.

    The score of the series is that of the model where it has one, else made from the slice scores as they stand here:
    of the slices as scanned, also where resampled ones were shown to the model. Raises ValueError if images and scores
    differ in number.
    """
    output = bundle.manifest.output
    if scores.slices.shape != (len(images), len(output.labels)):
        raise ValueError(f"scores must have shape ({len(images)}, {len(output.labels)}), not {scores.slices.shape}")
    by_model = output.aggregation == BY_MODEL
    series = scores.series if by_model else aggregation(output.aggregation)(scores.slices)
    return tuple(
        _finding(label, images, scores.slices[:, place], float(series[place]))
        for place, label in enumerate(output.labels)
    )


def _finding(label: Label, images: Sequence[Image], slices: Scores, series: float) -> Finding:
    return Finding(
        label=label.name,
        concept=label.concept.concept,
        score=series,
        threshold=label.threshold,
        slices=tuple(
            SliceScore(sop_instance_uid=uid, score=float(score), frame=frame)
            for (uid, frame), score in zip(images, slices, strict=True)
        ),
        slice_threshold=label.slice_threshold,
        decides=label.decides,
    )
