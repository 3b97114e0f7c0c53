"""Walks a content tree along the rows of its template and says what is missing, extra or wrong, row by row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom import Dataset
from support.templates.rows import MANY, Code, Include, Need, Row, Template

_VALUES = {
    "CODE": "ConceptCodeSequence",
    "NUM": "MeasuredValueSequence",
    "TEXT": "TextValue",
    "UIDREF": "UID",
    "IMAGE": "ReferencedSOPSequence",
    "SCOORD": "GraphicData",
    "CONTAINER": "ContinuityOfContent",
}
"""The attribute that holds the value, by value type (PS3.3 C.17.3)."""


@dataclass(frozen=True, eq=False)
class _Slot:
    """A row at the level that is being checked, after the includes have been replaced by what they include."""

    row: Row
    template: Template
    most: int
    place: tuple[int, int]
    """What the order of the items is compared by."""
    optional: Include | None
    """The include without which the row is not needed."""

    def __str__(self) -> str:
        return f"TID {self.template.tid} row {self.row.number}"


def check(root: Dataset, template: Template) -> list[str]:
    """Return the faults of a content tree, none for one that follows the template."""
    return list(_level([root], Dataset(), template.rows, template))


def _level(
    items: Sequence[Dataset], parent: Dataset, rows: Sequence[Row | Include], template: Template
) -> Iterator[str]:
    slots = list(_slots(rows, template))
    taken = [(item, _slot_of(item, slots)) for item in items]
    for item, slot in taken:
        if slot is None:
            if not template.extensible:
                yield f"TID {template.tid}: extra {item.get('ValueType')} {_name(item)}"
        else:
            yield from _item(item, slot)
    for slot in slots:
        yield from _count(slot, [found for _item_, found in taken if found is not None], parent)
    places = [slot.place for _item_, slot in taken if slot is not None]
    if template.ordered and places != sorted(places):
        yield f"TID {template.tid}: the items below {_name(parent)} do not stand in the order of the rows"


def _slots(rows: Sequence[Row | Include], template: Template) -> Iterator[_Slot]:
    for position, entry in enumerate(rows):
        if isinstance(entry, Row):
            yield _Slot(entry, template, entry.most, (position, 0), None)
            continue
        for inner, slot in enumerate(_slots(entry.template.rows, entry.template)):
            most = min(slot.most * entry.most, MANY)
            place = (position, inner if entry.template.ordered else 0)
            optional = slot.optional or (None if entry.need is Need.MANDATORY else entry)
            yield _Slot(slot.row, slot.template, most, place, optional)


def _slot_of(item: Dataset, slots: Sequence[_Slot]) -> _Slot | None:
    """Return the row an item is meant for: by its name, else one for any name whose type and relationship it has."""
    named = [slot for slot in slots if slot.row.name is not None and _name(item) in slot.row.name]
    alike = [slot for slot in named if _fits(item, slot.row)]
    nameless = [slot for slot in slots if slot.row.name is None and _fits(item, slot.row)]
    return next(iter([*alike, *named, *nameless]), None)


def _fits(item: Dataset, row: Row) -> bool:
    return item.get("ValueType") == row.value_type and item.get("RelationshipType") == row.relation


def _item(item: Dataset, slot: _Slot) -> Iterator[str]:
    row = slot.row
    if item.get("ValueType") != row.value_type:
        yield f"{slot}: value type {item.get('ValueType')} instead of {row.value_type}"
    if item.get("RelationshipType") != row.relation:
        yield f"{slot}: relationship {item.get('RelationshipType')} instead of {row.relation}"
    if not item.get(_VALUES[row.value_type]):
        yield f"{slot}: no value"
    elif row.values is not None and not _values(item, row.value_type) & row.values:
        yield f"{slot}: value {sorted(_values(item, row.value_type))} is none of the context group"
    yield from _level(item.get("ContentSequence", []), item, row.children, slot.template)


def _count(slot: _Slot, taken: Sequence[_Slot], parent: Dataset) -> Iterator[str]:
    count = sum(found is slot for found in taken)
    if count > slot.most:
        yield f"{slot}: {count} items instead of at most {slot.most}"
    if count == 0 and _needed(slot, taken, parent):
        yield f"{slot}: missing"


def _needed(slot: _Slot, taken: Sequence[_Slot], parent: Dataset) -> bool:
    if slot.optional is not None and not any(found.optional is slot.optional for found in taken):
        return False
    if slot.row.need is Need.CONDITIONAL:
        assert slot.row.condition is not None, f"{slot} lacks its condition"
        return slot.row.condition(parent)
    return slot.row.need is Need.MANDATORY


def _name(item: Dataset) -> Code | None:
    names = item.get("ConceptNameCodeSequence")
    return (str(names[0].CodeValue), str(names[0].CodingSchemeDesignator)) if names else None


def _values(item: Dataset, value_type: str) -> set[Code]:
    found = item.get(_VALUES[value_type], [])
    if value_type == "NUM":
        found = [unit for entry in found for unit in entry.MeasurementUnitsCodeSequence]
    return {(str(entry.CodeValue), str(entry.CodingSchemeDesignator)) for entry in found}
