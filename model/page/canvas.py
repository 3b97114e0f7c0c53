"""Drawing on an RGB image: text of a variable font, boxes, lines. All lengths are pixels, colours RGB."""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Picture = NDArray[np.uint8]

REGULAR: Final = 400
SEMIBOLD: Final = 600
BOLD: Final = 750
_DASH: Final = 8


@dataclass(frozen=True, slots=True)
class Written:
    """A text that was drawn: its left end and its baseline."""

    text: str
    x: int
    baseline: int
    size: int
    weight: int


class Canvas:
    """A page that grows downwards; :meth:`finish` cuts it to the height that was used."""

    def __init__(self, width: int, height: int, background: Colour) -> None:
        self.pixels: Picture = np.full((height, width, 3), background, np.uint8)
        self.written: list[Written] = []
        """Every text drawn, for tests of the wording and of what stands where."""
        self._font: Any = cv2.FontFace("sans")  # ships inside the OpenCV wheel

    @property
    def width(self) -> int:
        """Width of the page."""
        return int(self.pixels.shape[1])

    def text(
        self,
        text: str,
        x: int,
        baseline: int,
        size: int,
        colour: Colour,
        *,
        weight: int = REGULAR,
        align: str = "left",
        halo: bool = False,
    ) -> None:
        """Write one line; ``align`` is left, centre or right of ``x``. What the font lacks becomes a question mark.

        With a ``halo`` it can be read on a picture, whether that is dark or bright there.
        """
        shown = printable(text)
        if align != "left":
            width = self.measure(shown, size, weight)
            x -= width if align == "right" else width // 2
        self.written.append(Written(shown, x, baseline, size, weight))
        if halo:
            for across, down in ((-1, -1), (-1, 1), (1, -1), (1, 1), (-2, 0), (2, 0), (0, -2), (0, 2)):
                cv2.putText(self.pixels, shown, (x + across, baseline + down), (0, 0, 0), self._font, size, weight)
        cv2.putText(self.pixels, shown, (x, baseline), colour, self._font, size, weight)

    def measure(self, text: str, size: int, weight: int = REGULAR) -> int:
        """Width of one line."""
        (x, _, width, _) = cv2.getTextSize((0, 0), printable(text), (0, 0), self._font, size, weight)
        return int(x + width)

    def wrap(self, text: str, size: int, width: int) -> list[str]:
        """Break a text into lines of at most ``width``; a single longer word stays whole."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.measure(longer, size) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def box(
        self, x: int, y: int, width: int, height: int, colour: Colour, radius: int = 0, stripes: Colour | None = None
    ) -> None:
        """Fill a rectangle with rounded corners, with diagonal stripes if a colour is given for them."""
        if radius <= 0 and stripes is None:
            self.pixels[y : y + height, x : x + width] = colour
            return
        mask = np.zeros((height * 4, width * 4), np.uint8)  # four times as large, for smooth corners
        _rounded(mask, radius * 4)
        smooth = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)[:, :, None] / 255
        filling: Picture = np.full((height, width, 3), colour, np.uint8)
        if stripes is not None:
            for start in range(-height, width, 18):
                cv2.line(filling, (start, height), (start + height, 0), stripes, 6, cv2.LINE_AA)
        area = self.pixels[y : y + height, x : x + width]
        area[:] = np.rint(area * (1 - smooth) + filling * smooth).astype(np.uint8)

    def frame(self, x: int, y: int, width: int, height: int, colour: Colour, thickness: int = 2) -> None:
        """Draw the outline of a rectangle, inside it."""
        cv2.rectangle(self.pixels, (x, y), (x + width - 1, y + height - 1), colour, thickness)

    def line(self, x0: int, y0: int, x1: int, y1: int, colour: Colour, thickness: int = 1) -> None:
        """Draw a straight line."""
        cv2.line(self.pixels, (x0, y0), (x1, y1), colour, thickness, cv2.LINE_AA)

    def dashes(self, x0: int, x1: int, y: int, colour: Colour) -> None:
        """Draw a dashed horizontal line."""
        for x in range(x0, x1, 2 * _DASH):
            cv2.line(self.pixels, (x, y), (min(x + _DASH, x1), y), colour, 1)

    def dot(self, x: int, y: int, radius: int, colour: Colour) -> None:
        """Fill a circle."""
        cv2.circle(self.pixels, (x, y), radius, colour, -1, cv2.LINE_AA)

    def paste(self, picture: Picture, x: int, y: int) -> None:
        """Put a picture (rows, columns, 3) on the page."""
        rows, columns = picture.shape[:2]
        self.pixels[y : y + rows, x : x + columns] = picture

    def finish(self, height: int) -> Picture:
        """Return the page down to ``height``."""
        return np.ascontiguousarray(self.pixels[:height])


def printable(text: str) -> str:
    """Keep Latin-1; everything else, control characters included, becomes a question mark."""
    return "".join(c if " " <= c <= "~" or "\xa0" <= c <= "\xff" else "?" for c in text)


def _rounded(mask: Picture, radius: int) -> None:
    height, width = mask.shape
    mask[radius : height - radius, :] = 255
    mask[:, radius : width - radius] = 255
    for x in (radius, width - radius - 1):
        for y in (radius, height - radius - 1):
            cv2.circle(mask, (x, y), radius, 255, -1)
