"""What PS3.3 says of an attribute: its module in an IOD, and its type there, from highdicom's tables of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from highdicom._standard_utils import get_iod_module_map, get_module_attribute_map, get_sop_class_iod_map


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attribute stands in an IOD."""

    module: str
    """Key of the module, such as "general-equipment"."""
    usage: str
    """Of the module: M, C or U."""
    type: str
    """1, 1C, 2, 2C or 3."""
    order: int
    """Of the module in the IOD."""

    @property
    def title(self) -> str:
        """The module's name for people."""
        words = [word.upper() if word in _SHORT else word.capitalize() for word in self.module.split("-")]
        return " ".join(words)


_SHORT = frozenset({"sr", "sc", "sop", "voi", "lut", "vl"})


def place_of(sop_class_uid: str, path: tuple[str, ...]) -> Place | None:
    """Return the place of an attribute (keywords from the data set down); None where no module has it."""
    return _places(sop_class_uid).get(path)


@cache
def _places(sop_class_uid: str) -> Mapping[tuple[str, ...], Place]:
    """Where two modules have an attribute, the first that must be there counts."""
    modules = get_iod_module_map()[get_sop_class_iod_map()[sop_class_uid]]
    attributes = get_module_attribute_map()
    found: dict[tuple[str, ...], Place] = {}
    for order, module in sorted(enumerate(modules), key=lambda entry: (entry[1]["usage"] != "M", entry[0])):
        for one in attributes[module["key"]]:
            path = (*one["path"], one["keyword"])
            found.setdefault(path, Place(module["key"], module["usage"], one["type"], order))
    return found
