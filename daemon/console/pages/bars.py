"""Where the bars of drawings stand. Pure; templates make SVG of it, without any style in the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 1000
"""Of the drawing of stages, in units of its own."""
HEIGHT = 100
"""Of the strip: a probability of 1."""
MOST_SLICES = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBar:
    """One stage of a job on its way from left to right."""

    name: str
    seconds: float
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceBar:
    """One slice: its place from the feet, and its score."""

    number: int
    score: float
    y: float
    height: float
    reached: bool
    """Whether the score is at or above the threshold of slices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The scores of all slices in volume order (feet to head), with the thresholds as lines."""

    label: str
    bars: tuple[SliceBar, ...]
    threshold: float | None
    """Of the series score."""
    threshold_y: float | None
    slice_threshold: float | None
    slice_threshold_y: float | None
    highest: int
    """Number of the slice with the highest score."""

    @property
    def reached(self) -> int:
        """How many slices are at or above the threshold of slices."""
        return sum(bar.reached for bar in self.bars)


def stage_bars(timings: Mapping[str, float]) -> tuple[StageBar, ...]:
    """Return the stages one behind the other over :data:`WIDTH`; nothing where no time was taken."""
    total = sum(max(seconds, 0.0) for seconds in timings.values())
    if total <= 0:
        return ()
    bars, x = [], 0.0
    for name, seconds in timings.items():
        width = max(seconds, 0.0) / total * WIDTH
        bars.append(StageBar(name=name, seconds=seconds, x=round(x, 2), width=round(width, 2)))
        x += width
    return tuple(bars)


def strip(detail: Mapping[str, object]) -> Strip | None:
    """Return the strip of a result's ``detail`` as the job log keeps it; None where it holds no scores of slices."""
    scores = _numbers(detail.get("slice_scores"))
    if not scores:
        return None
    label, slice_threshold = _first(detail.get("slice_thresholds"))
    threshold = detail.get("threshold")
    line = threshold if isinstance(threshold, float | int) else None
    return Strip(
        label=label,
        bars=tuple(_bar(number, score, slice_threshold) for number, score in enumerate(scores, start=1)),
        threshold=line,
        threshold_y=_y(line),
        slice_threshold=slice_threshold,
        slice_threshold_y=_y(slice_threshold),
        highest=max(range(len(scores)), key=scores.__getitem__) + 1,
    )


def _bar(number: int, score: float, threshold: float | None) -> SliceBar:
    height = round(min(max(score, 0.0), 1.0) * HEIGHT, 2)
    reached = threshold is not None and score >= threshold
    return SliceBar(number=number, score=score, y=round(HEIGHT - height, 2), height=height, reached=reached)


def _y(probability: float | None) -> float | None:
    return None if probability is None else round(HEIGHT - min(max(probability, 0.0), 1.0) * HEIGHT, 2)


def _numbers(value: object) -> list[float]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [float(one) for one in value[:MOST_SLICES] if isinstance(one, float | int)]


def _first(thresholds: object) -> tuple[str, float | None]:
    """The scores of the slices are those of the first label."""
    if not isinstance(thresholds, Mapping) or not thresholds:
        return "", None
    label, value = next(iter(thresholds.items()))
    return str(label), float(value) if isinstance(value, float | int) else None
