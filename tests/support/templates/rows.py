"""How a template of PS3.16 is written down: rows with what a content item must be, and which templates they include."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pydicom import Dataset

Code = tuple[str, str]
"""Code Value and Coding Scheme Designator: what decides whether two codes are the same (PS3.3 8.1)."""
MANY = 10_000


class Need(StrEnum):
    """Requirement Type (PS3.16 6.1.6)."""

    MANDATORY = "M"
    CONDITIONAL = "MC"
    OPTIONAL = "U"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One content item of a template."""

    number: str
    relation: str | None
    """None: the root of a tree."""
    value_type: str
    name: frozenset[Code] | None
    """Concept Names that may stand there; None: any, or none at all."""
    need: Need
    most: int = 1
    condition: Callable[[Dataset], bool] | None = None
    """Whether a conditional row is mandatory, by the item above it."""
    values: frozenset[Code] | None = None
    """What a CODE may be, or the units of a NUM."""
    children: tuple["Row | Include", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Include:
    """The rows of another template in the place of this one."""

    number: str
    template: "Template"
    need: Need
    most: int = 1


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template."""

    tid: str
    extensible: bool
    ordered: bool
    """Order Significant: the items stand in the order of the rows."""
    rows: tuple[Row | Include, ...]


def dcm(*values: str) -> frozenset[Code]:
    """Return codes of the DICOM Controlled Terminology."""
    return frozenset((value, "DCM") for value in values)


def sct(*values: str) -> frozenset[Code]:
    """Return codes of SNOMED CT."""
    return frozenset((value, "SCT") for value in values)
