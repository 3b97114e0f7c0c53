"""Boxes, arrows and words as SVG. The colours are variables: a page that shows a picture inline may set them."""

import math
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

_STYLE = """
.hf-picture{--hf-ink:#1c2733;--hf-soft:#51606f;--hf-paper:#ffffff;--hf-box:#eef3f8;--hf-line:#7b8a99;
--hf-store:#fdf3df;--hf-store-line:#b98217;--hf-world:#f4f4f4;--hf-mark:#0f5c63;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
@media (prefers-color-scheme:dark){.hf-picture{--hf-ink:#e6ebf0;--hf-soft:#a9b6c3;--hf-paper:#161b22;--hf-box:#223040;
--hf-line:#8393a3;--hf-store:#3a3020;--hf-store-line:#d3a13c;--hf-world:#262b32;--hf-mark:#74c6cc}}
.hf-paper{fill:var(--hf-paper)}
.hf-box{fill:var(--hf-box);stroke:var(--hf-line)}
.hf-store{fill:var(--hf-store);stroke:var(--hf-store-line)}
.hf-world{fill:var(--hf-world);stroke:var(--hf-line);stroke-dasharray:4 3}
.hf-end{fill:var(--hf-box);stroke:var(--hf-line);stroke-width:3}
.hf-title{fill:var(--hf-ink);font-weight:600;font-size:18px}
.hf-words{fill:var(--hf-soft);font-size:15px}
.hf-label{fill:var(--hf-ink);font-size:15px;stroke:var(--hf-paper);stroke-width:5px;paint-order:stroke}
.hf-arrow{fill:none;stroke:var(--hf-line);stroke-width:1.6}
.hf-head{fill:var(--hf-line)}
.hf-badge{fill:var(--hf-mark)}
.hf-number{fill:var(--hf-paper);font-weight:700;font-size:14px}
"""
LINE = 19
"""Pixels from one line of words to the next."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: its upper left corner and its size, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> Point:
        """Its middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def edge_towards(self, target: Point) -> Point:
        """Return the point of its edge on the way from its middle to ``target``, three pixels off."""
        (x, y), (to_x, to_y) = self.centre, target
        across, down = to_x - x, to_y - y
        reach = min(
            (self.width / 2 + 3) / abs(across) if across else math.inf,
            (self.height / 2 + 3) / abs(down) if down else math.inf,
        )
        return x + across * reach, y + down * reach


def picture(name: str, title: str, width: int, height: int, parts: Iterable[str]) -> str:
    """Return a whole picture; ``name`` keeps its arrow heads apart from those of others on the same page."""
    marker = (
        f'<marker id="hf-{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path class="hf-head" d="M0,0L8,4L0,8z"/></marker>'
    )
    body = "\n".join(parts).replace("url(#arrow)", f"url(#hf-{name})")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hf-picture" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title)}">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n'
        f'<defs>{marker}</defs>\n<rect class="hf-paper" width="{width}" height="{height}" rx="8"/>\n{body}\n</svg>\n'
    )


def words(point: Point, text: str, kind: str = "words", anchor: str = "middle") -> str:
    """Return one line of text; ``point`` is at its base line."""
    x, y = point
    return f'<text class="hf-{kind}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'


def box(place: Box, title: str, text: str = "", kind: str = "box", letters: int = 24) -> str:
    """Return a box with a title and, below it, a text of so many letters a line."""
    lines = textwrap.wrap(text, letters)
    x, y = place.centre
    top = y - (len(lines) * LINE) / 2 + 5
    rows = [words((x, top + LINE * (number + 1)), line) for number, line in enumerate(lines)]
    corner = 18 if kind == "end" else 6
    shape = (
        f'<rect class="hf-{kind}" x="{place.x:.0f}" y="{place.y:.0f}" width="{place.width:.0f}" '
        f'height="{place.height:.0f}" rx="{corner}"/>'
    )
    return "\n".join([shape, words((x, top), title, "title"), *rows])


def line(start: Point, end: Point, label: Iterable[str], *, above: float = 0.0) -> str:
    """Return a straight arrow; its label stands so many pixels above its middle."""
    (x, y), (to_x, to_y) = start, end
    at = ((x + to_x) / 2, (y + to_y) / 2 - above)
    path = f'<path class="hf-arrow" marker-end="url(#arrow)" d="M{x:.0f},{y:.0f}L{to_x:.0f},{to_y:.0f}"/>'
    return "\n".join([path, *_lines(at, tuple(label))])


def curve(start: Box, end: Box, label: Iterable[str], bend: float = 0.0) -> str:
    """Return an arrow between two boxes that swings out to its left by ``bend`` pixels, with its label there."""
    (x, y), (to_x, to_y) = start.centre, end.centre
    length = math.hypot(to_x - x, to_y - y)
    swing = ((to_y - y) / length * bend * 2, -(to_x - x) / length * bend * 2)
    control = ((x + to_x) / 2 + swing[0], (y + to_y) / 2 + swing[1])
    begin, finish = start.edge_towards(control), end.edge_towards(control)
    at = ((begin[0] + 2 * control[0] + finish[0]) / 4, (begin[1] + 2 * control[1] + finish[1]) / 4)
    path = (
        f'<path class="hf-arrow" marker-end="url(#arrow)" d="M{begin[0]:.0f},{begin[1]:.0f}'
        f'Q{control[0]:.0f},{control[1]:.0f} {finish[0]:.0f},{finish[1]:.0f}"/>'
    )
    return "\n".join([path, *_lines(at, tuple(label))])


def badge(point: Point, number: int) -> str:
    """Return a number in a disc."""
    x, y = point
    disc = f'<circle class="hf-badge" cx="{x:.0f}" cy="{y:.0f}" r="12"/>'
    return f"{disc}\n{words((x, y + 5), str(number), 'number')}"


def _lines(at: Point, label: tuple[str, ...]) -> list[str]:
    top = at[1] - (len(label) - 1) * LINE / 2 + 4
    return [words((at[0], top + LINE * number), text, "label") for number, text in enumerate(label)]
