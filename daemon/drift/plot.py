"""A line over time as SVG to stand in a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 460.0, 150.0
_LETTER = 11.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 60.0, 22.0, 20.0


@dataclass(frozen=True, slots=True)
class Point:
    """A value and where it lies with 95 % confidence; ``low == high`` draws no bar."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A level to compare with."""

    value: float
    style: str
    """Class of its line."""
    name: str


def plot(title: str, days: Sequence[str], points: Sequence[Point], marks: Sequence[Mark]) -> str:
    """Return a plot of equally spaced points; ``days`` are theirs, of which the first and the last are written."""
    top = max([*(point.high for point in points), *(mark.value for mark in marks), 1e-9]) * 1.1
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    step = width / max(len(points) - 1, 1)

    def place(number: int, value: float) -> tuple[float, float]:
        return _LEFT + number * step, _TOP + height * (1 - value / top)

    found = [place(number, point.value) for number, point in enumerate(points)]
    parts = [
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{escape(title)}">',
        _text(_LEFT, 14, title),
        f'<rect class="frame" x="{_LEFT:g}" y="{_TOP:g}" width="{width:g}" height="{height:g}"/>',
        *(_axis(place(0, value)[1], value) for value in (0.0, top)),
        *_marks([(mark, place(0, mark.value)[1]) for mark in marks]),
        *(
            f'<line class="bar" x1="{x:.1f}" y1="{place(0, point.low)[1]:.1f}" x2="{x:.1f}" '
            f'y2="{place(0, point.high)[1]:.1f}"/>'
            for (x, _), point in zip(found, points, strict=True)
            if point.low != point.high
        ),
        f'<polyline class="run" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in found)}"/>',
        *(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in found),
    ]
    if days:
        parts.append(_text(_LEFT, _HEIGHT - 5, days[0]))
    if len(days) > 1:
        parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 5, days[-1], anchor="end"))
    return "".join([*parts, "</svg>"])


def _axis(y: float, value: float) -> str:
    return _text(_LEFT - 4, y + 4, f"{value:.2f}", anchor="end")


def _marks(marks: Sequence[tuple[Mark, float]]) -> list[str]:
    """Lines with their names; of two too near to each other only the later name is written."""
    parts = []
    for number, (mark, y) in enumerate(marks):
        right = _WIDTH - _RIGHT
        parts.append(f'<line class="mark {mark.style}" x1="{_LEFT:g}" y1="{y:.1f}" x2="{right:g}" y2="{y:.1f}"/>')
        if all(abs(y - other) >= _LETTER for _, other in marks[number + 1 :]):
            parts.append(_text(right + 4, y + 4, mark.name))
    return parts


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
