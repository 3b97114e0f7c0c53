"""The attributes of the objects that are made: read from samples, with what the standard says of each (PS3.3)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.tag import Tag

from hounsfield.daemon.conformance.samples import Sample
from hounsfield.daemon.conformance.standard import Place, place_of

FIXED, COPY, CONFIG, AUTO = "FIXED", "COPY", "CONFIG", "AUTO"
ALWAYS, VALUE_NOT_ALWAYS, NOT_ALWAYS, EMPTY = "ALWAYS", "VNAP", "ANAP", "EMPTY"
CONTENT = "ContentSequence"
_PIXELS = frozenset({"OB", "OW"})
_LONGEST_FIXED = 120

Path = tuple[str, ...]
"""Keywords from the data set down to the attribute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An attribute of one kind of object."""

    path: Path
    vr: str
    place: Place | None
    """Module and type; None where no module of the IOD has it."""
    presence: str
    source: str
    value: str
    """The fixed one, or what it is where the images have none."""

    @property
    def keyword(self) -> str:
        """Its own."""
        return self.path[-1]

    @property
    def tag(self) -> str:
        """As (gggg,eeee)."""
        tag = Tag(tag_for_keyword(self.keyword) or 0)
        return f"({tag.group:04X},{tag.element:04X})"

    @property
    def name(self) -> str:
        """Its name in PS3.6, with ">" for each sequence around it."""
        return f"{'>' * (len(self.path) - 1)}{dictionary_description(self.keyword)}"


@dataclass(slots=True)
class _Seen:
    """One attribute in all samples."""

    vr: str = ""
    around: int = 0
    """Data sets and items that could have it."""
    present: int = 0
    filled: int = 0
    values: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By the number of the sample."""


def attributes_of(samples: Sequence[Sample]) -> list[Attribute]:
    """Return the attributes of one kind of object, in the order of modules and tags."""
    seen: dict[Path, _Seen] = defaultdict(_Seen)
    items: dict[Path, int] = defaultdict(int)
    for number, sample in enumerate(samples):
        _look(sample.dataset, (), number, seen, items)
    for path, one in seen.items():
        one.around = items[path[:-1]]
    sop_class = str(samples[0].dataset.SOPClassUID)
    found = [_attribute(path, one, samples, sop_class) for path, one in seen.items()]
    return sorted(found, key=_order)


def _order(attribute: Attribute) -> tuple[int, list[int]]:
    place = attribute.place.order if attribute.place else 10**6
    return place, [tag_for_keyword(keyword) or 0 for keyword in attribute.path]


def _look(item: Dataset, path: Path, number: int, seen: dict[Path, _Seen], items: dict[Path, int]) -> None:
    items[path] += 1
    for element in item:
        here = (*path, element.keyword)
        one = seen[here]
        one.vr = element.VR
        one.present += 1
        one.filled += not element.is_empty
        if element.VR != "SQ" or _is_coded(element):
            one.values[number] |= set(_shown(element))
        elif element.keyword != CONTENT:
            for nested in element.value:
                _look(nested, here, number, seen, items)


def _is_coded(element: DataElement) -> bool:
    return element.VR == "SQ" and bool(element.value) and "CodingSchemeDesignator" in element.value[0]


def _shown(element: DataElement) -> Iterator[str]:
    if element.is_empty:
        return
    if _is_coded(element):
        yield from (code_text(item) for item in element.value)
    elif element.VR in _PIXELS:
        yield str(hash(bytes(element.value)))
    else:
        yield "\\".join(map(_one, element.value if element.VM > 1 else [element.value]))


def _one(value: object) -> str:
    """Return a value as it is written; a number of FL or FD, as it was meant."""
    return f"{value:.6g}" if type(value) is float else str(value)


def code_text(item: Dataset) -> str:
    """Return a code sequence item as (value, scheme, "meaning")."""
    value = item.get("CodeValue") or item.get("LongCodeValue")
    return f'({value}, {item.CodingSchemeDesignator}, "{item.CodeMeaning}")'


def _attribute(path: Path, seen: _Seen, samples: Sequence[Sample], sop_class: str) -> Attribute:
    source, value = ("", "") if seen.vr == "SQ" and not seen.values else _source(path[-1], seen, samples)
    return Attribute(
        path=path,
        vr=seen.vr,
        place=place_of(sop_class, path),
        presence=_presence(seen),
        source=source,
        value=value,
    )


def _presence(seen: _Seen) -> str:
    if seen.present < seen.around:
        return NOT_ALWAYS
    if seen.filled == 0:
        return EMPTY
    return ALWAYS if seen.filled == seen.around else VALUE_NOT_ALWAYS


def _source(keyword: str, seen: _Seen, samples: Sequence[Sample]) -> tuple[str, str]:
    """Return where the value comes from, and which it is where that can be said."""
    every = set().union(*seen.values.values())
    if not every:
        return "", ""
    copied, others = _copied(keyword, seen, samples)
    if copied and not others:
        return COPY, ""
    if len(every) == 1:
        (only,) = every
        return FIXED, only if len(only) <= _LONGEST_FIXED else f"{only[:_LONGEST_FIXED]} ..."
    if copied:
        return COPY, f"{others.pop() if len(others) == 1 else 'worked out'} where the image has none"
    groups: dict[str, set[str]] = defaultdict(set)
    for number, values in seen.values.items():
        groups[samples[number].configuration] |= values
    if len(groups) > 1 and all(len(group) == 1 for group in groups.values()):
        return CONFIG, ""
    return AUTO, ""


def _copied(keyword: str, seen: _Seen, samples: Sequence[Sample]) -> tuple[set[str], set[str]]:
    """Return the values that are those of the images, and what stands where the images have none.

    Both empty where an image has another value: then nothing is copied.
    """
    copied: set[str] = set()
    others: set[str] = set()
    for number, values in seen.values.items():
        theirs = set().union(*(_values_in(image, keyword) for image in samples[number].images))
        if theirs and not values <= theirs:
            return set(), set()
        (copied if theirs else others).update(values)
    return copied, others


def _values_in(image: Dataset, keyword: str) -> set[str]:
    """Return what an image says under a keyword, at any depth."""
    found: set[str] = set()
    for element in image:
        if element.keyword == keyword and (element.VR != "SQ" or _is_coded(element)):
            found |= set(_shown(element))
        if element.VR == "SQ":
            for item in element.value:
                found |= _values_in(item, keyword)
    return found
