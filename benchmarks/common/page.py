"""Pages with marked places that are filled from what was measured: ``<!-- measured: NAME -->`` to ``<!-- end -->``."""

import re
from collections.abc import Mapping

_PLACE = r"(<!-- measured: {} -->\n).*?(<!-- end -->)"


class NoPlace(Exception):
    """A page has no place, or several, for something that was measured."""


def places(text: str) -> list[str]:
    """Return the names of the places of a page, in order."""
    return re.findall(r"<!-- measured: (.+?) -->", text)


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """Return the page with each block in its place. Raises NoPlace."""
    for name, block in blocks.items():
        place = _PLACE.format(re.escape(name))
        text, count = re.subn(place, lambda match, block=block: f"{match[1]}{block}\n{match[2]}", text, flags=re.S)  # type: ignore[misc]
        if count != 1:
            raise NoPlace(f"the page has {count} places for '{name}', not one")
    return text
