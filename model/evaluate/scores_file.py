"""Scores kept in a file: reports and comparisons made from it need no model."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.model.errors import DataError
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.evaluate.thresholds import Thresholds

_FORMAT = 1
_SLICES = ("truth", "scores", "series", "names")
_SERIES = ("series_key", "series_truth", "series_scores", "patient", "scanner")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresFile:
    """Scores, the thresholds that belong to them, and what made them."""

    scored: Scored
    thresholds: Thresholds
    bundle: str
    """Name, version and the beginning of the hash."""
    source: str
    """Where the cases come from, in words."""


def write_scores(path: Path, content: ScoresFile) -> None:
    """Write it, whole or not at all."""
    scored, thresholds = content.scored, content.thresholds
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        np.savez_compressed(
            stream,
            allow_pickle=False,
            format=np.array(_FORMAT),
            labels=np.array(scored.labels, np.str_),
            slice_thresholds=_numbers(thresholds.slices),
            series_thresholds=_numbers(thresholds.series),
            words=np.array([thresholds.origin, content.bundle, content.source], np.str_),
            **{name: getattr(scored, name) for name in (*_SLICES, *_SERIES)},
        )
    partial.rename(path)


def read_scores(path: Path) -> ScoresFile:
    """Read it. Raises DataError, naming the file, for one that is not what :func:`write_scores` writes."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if int(archive["format"]) != _FORMAT:
                raise DataError(f"{path}: was written by another version; score again")
            labels = tuple(str(name) for name in archive["labels"])
            scored = Scored(labels=labels, **{name: archive[name] for name in (*_SLICES, *_SERIES)})
            origin, bundle, source = (str(one) for one in archive["words"])
            slices, series = _optional(archive["slice_thresholds"]), _optional(archive["series_thresholds"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: is not a file of scores ({type(error).__name__}); score again") from error
    _check(path, scored)
    thresholds = Thresholds(labels=labels, slices=slices, series=series, origin=origin)
    return ScoresFile(scored=scored, thresholds=thresholds, bundle=bundle, source=source)


def _check(path: Path, scored: Scored) -> None:
    labels, slices, series = len(scored.labels), len(scored.names), len(scored.series_key)
    shapes = {
        "truth": (slices, labels),
        "scores": (slices, labels),
        "series": (slices,),
        "series_truth": (series, labels),
        "series_scores": (series, labels),
        "patient": (series,),
        "scanner": (series,),
    }
    for name, shape in shapes.items():
        if getattr(scored, name).shape != shape:
            raise DataError(f"{path}: {name} has shape {getattr(scored, name).shape}, not {shape}; score again")
    rows = scored.series
    if slices == 0 or rows.min() < 0 or rows.max() >= series:
        raise DataError(f"{path}: slices and series do not belong together; score again")


def _numbers(thresholds: tuple[float | None, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([np.nan if one is None else one for one in thresholds], np.float64)


def _optional(numbers: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float | None, ...]:
    return tuple(float(one) if np.isfinite(one) else None for one in numbers)
