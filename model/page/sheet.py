"""A drawn page, and what stands where on it."""

from dataclasses import dataclass

from hounsfield.model.page.canvas import Picture, Written
from hounsfield.model.page.slices import Tile


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of a result."""

    picture: Picture
    written: tuple[Written, ...]
    tiles: tuple[Tile, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text on it."""
        return tuple(one.text for one in self.written)
