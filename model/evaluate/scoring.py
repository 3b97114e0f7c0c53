"""Runs a bundle over a prepared data set; what comes out needs no model any more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.aggregation import aggregation
from hounsfield.model.bundle import Bundle
from hounsfield.model.data.prepared import Prepared
from hounsfield.model.errors import DataError
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.evaluate.thresholds import Thresholds
from hounsfield.model.manifest import Label
from hounsfield.model.predictor import Predictor

ANY = "any"
"""A label of this name in a data set means whatever the bundle's first label means."""
BATCH = 32

Scores = NDArray[np.float32]
Tell = Callable[[int, int], None]
"""Called with slices done and slices in all."""


class SeriesScorer(Protocol):
    """Scores the slices of one series."""

    def __call__(self, tensors: NDArray[np.float16], steps_mm: NDArray[np.floating], /) -> tuple[Scores, Scores]:
        """Take (n, rows, columns, channels) in volume order, before neighbours are added, and the n - 1 distances
        (mm) between them; return (n, L) and (L,), L labels in the manifest's order."""


@dataclass(frozen=True, slots=True)
class SliceBySlice:
    """The scorer of a bundle whose model sees one slice at a time, with or without its neighbours."""

    predictor: Predictor

    def __call__(self, tensors: NDArray[np.float16], _steps_mm: NDArray[np.floating], /) -> tuple[Scores, Scores]:
        """As :class:`SeriesScorer`; the distances do not matter."""
        manifest, size = self.predictor.bundle.manifest, self.predictor.batch
        batches = [
            self.predictor.score_tensors(list(beside(tensors, first, first + size, manifest.input.neighbours)))
            for first in range(0, len(tensors), size)
        ]
        slices = np.concatenate(batches)
        return slices, aggregation(manifest.output.aggregation)(slices)


def beside(tensors: NDArray[np.float16], first: int, behind: int, neighbours: int) -> Scores:
    """Return slices ``first`` to ``behind`` with so many neighbours on either side as channels, lowest first.

    Beyond the ends of the series the last slice is repeated (``input.neighbours`` of the manifest).
    """
    rows = np.arange(first, min(behind, len(tensors)))[:, None] + np.arange(-neighbours, neighbours + 1)
    chosen = tensors[np.clip(rows, 0, len(tensors) - 1)]
    return np.concatenate(np.moveaxis(chosen, 1, 0), axis=-1).astype(np.float32)


def score_prepared(
    bundle: Bundle,
    prepared: Prepared,
    *,
    device: str = "auto",
    named: Mapping[str, str] | None = None,
    tell: Tell | None = None,
) -> Scored:
    """Score every slice and series of a prepared data set.

    Labels are matched by name, or as ``named`` (data set's label -> bundle's) says; labels that only one side has are
    left out. Raises DataError if the data set was not prepared as the bundle asks, or if there is no common label;
    BundleError and InferenceError as the predictor does.
    """
    check_fits(bundle, prepared)
    pairs = matched_labels(bundle, prepared, named or {})
    scorer = series_scorer(Predictor(bundle, device, BATCH))
    slices: list[Scores] = []
    series: list[Scores] = []
    for number in range(prepared.about.series):
        rows = prepared.index.rows_of(number)
        own, whole = scorer(np.asarray(prepared.tensors[rows]), np.diff(prepared.index.position_mm[rows]))
        slices.append(own)
        series.append(whole)
        if tell is not None:
            tell(rows.stop, prepared.about.slices)
    return _scored(prepared, pairs, np.concatenate(slices), np.stack(series))


def series_scorer(predictor: Predictor) -> SeriesScorer:
    """Return what scores a series with this bundle. Raises DataError for a kind of bundle that cannot be scored so."""
    if predictor.bundle.manifest.input.context == "series":
        raise DataError(f"{predictor.bundle.label}: bundles with a sequence network are not scored here yet")
    return SliceBySlice(predictor)


def check_fits(bundle: Bundle, prepared: Prepared) -> None:
    """Raise DataError unless the data set holds what the bundle's preprocessing would make."""
    manifest = bundle.manifest
    if prepared.about.preprocessing.steps != manifest.preprocessing.steps:
        raise DataError(
            f"{prepared.folder}: was prepared with the steps of {prepared.about.preprocessing.name!r}, {bundle.label} "
            f"wants those of {manifest.preprocessing.name!r}; prepare it again with the preprocessing of the bundle"
        )
    rows, columns, channels = prepared.about.shape
    wanted = (rows, columns, channels * (2 * manifest.input.neighbours + 1))
    if wanted != manifest.input.shape:
        takes = f"{bundle.label} takes {list(manifest.input.shape)}"
        raise DataError(f"{prepared.folder}: makes inputs of shape {list(wanted)}, {takes}")


def matched_labels(bundle: Bundle, prepared: Prepared, named: Mapping[str, str]) -> tuple[tuple[int, int], ...]:
    """Return (column of the data set, place in the manifest) of each common label, the data set's order."""
    labels = bundle.manifest.output.labels
    places = {label.name: place for place, label in enumerate(labels)}
    for mine, other in named.items():
        if mine not in prepared.about.labels or other not in places:
            raise DataError(f"{mine}={other}: {_known(prepared, labels)}")
    pairs = [
        (column, places[named.get(name, name if name != ANY or ANY in places else labels[0].name)])
        for column, name in enumerate(prepared.about.labels)
        if named.get(name, name) in places or name == ANY
    ]
    if not pairs:
        raise DataError(f"{prepared.folder}: has no label of {bundle.label}: {_known(prepared, labels)}")
    return tuple(pairs)


def _known(prepared: Prepared, labels: tuple[Label, ...]) -> str:
    ours = ", ".join(label.name for label in labels)
    return f"the data set has {', '.join(prepared.about.labels)}, the bundle {ours}; --label DATA=BUNDLE names a pair"


def shipped_thresholds(bundle: Bundle, prepared: Prepared, named: Mapping[str, str] | None = None) -> Thresholds:
    """Return the thresholds that stand in the manifest, for the labels that are scored."""
    pairs = matched_labels(bundle, prepared, named or {})
    labels = [bundle.manifest.output.labels[place] for _, place in pairs]
    return Thresholds(
        labels=tuple(prepared.about.labels[column] for column, _ in pairs),
        slices=tuple(label.slice_threshold for label in labels),
        series=tuple(label.threshold for label in labels),
        origin=f"shipped with {bundle.label}",
    )


def _scored(prepared: Prepared, pairs: tuple[tuple[int, int], ...], slices: Scores, series: Scores) -> Scored:
    columns, places = [column for column, _ in pairs], [place for _, place in pairs]
    index = prepared.index
    return Scored(
        labels=tuple(prepared.about.labels[column] for column in columns),
        truth=index.truth[:, columns],
        scores=slices[:, places],
        series=index.series,
        names=index.names,
        series_key=index.series_key,
        series_truth=index.series_truth[:, columns],
        series_scores=series[:, places],
        patient=index.patient,
        scanner=index.scanner,
    )
