"""Runs a bundle over a prepared data set; what comes out needs no model any more."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.aggregation import aggregation
from hounsfield.model.bundle import Bundle
from hounsfield.model.data.phantoms import SMALLEST_BRAIN_MM2
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
    manifest, predictor = bundle.manifest, Predictor(bundle, device, BATCH)
    alone = manifest.sequence is None and manifest.input.neighbours == 0
    slices, series = (_slice_by_slice if alone else _series_by_series)(predictor, prepared, tell or _silent)
    columns, places = [column for column, _ in pairs], [place for _, place in pairs]
    return beside_truth(prepared, slices[:, places], series[:, places], columns)


def _silent(_done: int, _all: int) -> None:
    """Tell nobody."""


def _slice_by_slice(predictor: Predictor, prepared: Prepared, tell: Tell) -> tuple[Scores, Scores]:
    """Score slices in full batches, whatever series they belong to: a data set of single images has many of one."""
    count, index = prepared.about.slices, prepared.index
    answers = []
    for first in range(0, count, BATCH):
        answers.append(predictor.score_tensors(list(prepared.tensors[first : first + BATCH].astype(np.float32))))
        tell(min(first + BATCH, count), count)
    slices = np.concatenate(answers)
    combine = aggregation(predictor.bundle.manifest.output.aggregation)
    return slices, np.stack([combine(slices[index.rows_of(number)]) for number in range(prepared.about.series)])


def _series_by_series(predictor: Predictor, prepared: Prepared, tell: Tell) -> tuple[Scores, Scores]:
    slices: list[Scores] = []
    series: list[Scores] = []
    for number in range(prepared.about.series):
        rows = prepared.index.rows_of(number)
        steps_mm = np.diff(prepared.index.position_mm[rows].astype(np.float64)).tolist()
        scores = predictor.analyse_tensors(prepared.tensors[rows].astype(np.float32), steps_mm)
        slices.append(scores.slices)
        series.append(scores.series)
        tell(rows.stop, prepared.about.slices)
    return np.concatenate(slices), np.stack(series)


def check_fits(bundle: Bundle, prepared: Prepared) -> None:
    """Raise DataError unless the data set holds what the bundle's preprocessing would make."""
    manifest = bundle.manifest
    if prepared.about.preprocessing.steps != manifest.preprocessing.steps:
        raise DataError(
            f"{prepared.folder}: was prepared with the steps of {prepared.about.preprocessing.name!r}, {bundle.label} "
            f"wants those of {manifest.preprocessing.name!r}; prepare it again with the preprocessing of the bundle"
        )
    wanted = manifest.input.of(prepared.about.shape)
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


def beside_truth(prepared: Prepared, slices: Scores, series: Scores, columns: Sequence[int] | None = None) -> Scored:
    """Return scores (n, K) and (m, K) beside the truth of these columns of the data set's labels; None: of all."""
    chosen, index = list(range(len(prepared.about.labels)) if columns is None else columns), prepared.index
    return Scored(
        labels=tuple(prepared.about.labels[column] for column in chosen),
        truth=_slice_truth(prepared)[:, chosen],
        scores=slices,
        series=index.series,
        names=index.names,
        series_key=index.series_key,
        series_truth=index.series_truth[:, chosen],
        series_scores=series,
        patient=index.patient,
        scanner=index.scanner,
    )


def _slice_truth(prepared: Prepared) -> NDArray[np.float32]:
    """Return the truth of slices, unknown where a generated head shows too little brain: easy ones would flatter."""
    brain_mm2 = prepared.index.extra.get("brain_mm2")
    if brain_mm2 is None:
        return prepared.index.truth
    return np.where(brain_mm2[:, None] >= SMALLEST_BRAIN_MM2, prepared.index.truth, np.float32(np.nan))
