"""The content trees of the documents that are made, and the codes in all objects: read from samples."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydicom import Dataset

from hounsfield.daemon.conformance.attributes import CONTENT, code_text
from hounsfield.daemon.conformance.images import SOURCE_SCHEME
from hounsfield.daemon.conformance.samples import BUNDLE_SCHEME, Sample

_FROM_BUNDLE = {"FINDING": "(the finding, as the bundle codes it)", "SITE": "(its site, as the bundle codes it)"}
_FROM_SOURCE = "(the procedure, as the images code it)"
_FEW = 4


@dataclass(slots=True)
class _Node:
    """A content item in all samples: those with the same relationship, type and name at the same place."""

    relationship: str = ""
    value_type: str = ""
    name: str = ""
    template: str = ""
    around: int = 0
    parents: int = 0
    """Parents that have it."""
    is_repeated: bool = False
    values: set[str] = field(default_factory=set)
    children: dict[tuple[str, str, str], "_Node"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRow:
    """One line of a content tree."""

    depth: int
    relationship: str
    value_type: str
    name: str
    template: str
    often: str
    """How often below its parent: 1, 0-1, 1-n, 0-n."""
    value: str


def content_of(samples: Sequence[Sample]) -> list[ContentRow]:
    """Return the content tree of one kind of document."""
    root = _Node()
    for sample in samples:
        _merge([sample.dataset], root)
    return [row for child in root.children.values() for row in _rows(child, 0)]


def _merge(items: Sequence[Dataset], parent: _Node) -> None:
    parent.around += 1
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for item in items:
        key = (str(item.get("RelationshipType", "")), str(item.ValueType), _name_of(item))
        counts[key] += 1
        node = parent.children.setdefault(key, _Node(*key))
        node.template = node.template or _template_of(item)
        node.values.add(_value_of(item))
        _merge(item.get(CONTENT, ()), node)
    for key, count in counts.items():
        parent.children[key].parents += 1
        parent.children[key].is_repeated |= count > 1


def _rows(node: _Node, depth: int, around: int | None = None) -> Iterator[ContentRow]:
    is_always = around is None or node.parents == around
    yield ContentRow(
        depth=depth,
        relationship=node.relationship,
        value_type=node.value_type,
        name=node.name,
        template=node.template,
        often=f"{1 if is_always else 0}-n" if node.is_repeated else "1" if is_always else "0-1",
        value=_said(node),
    )
    for child in node.children.values():
        yield from _rows(child, depth + 1, node.around)


def _said(node: _Node) -> str:
    values = sorted(node.values - {""})
    if not values:
        return ""
    if node.value_type in ("CODE", "CONTAINER") or len(values) == 1:
        return "; ".join(values)
    return {"TEXT": "text in ASCII", "UIDREF": "UID", "NUM": "a number"}.get(node.value_type, "")


def _name_of(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence", ())
    if item.ValueType == "CONTAINER" and "RelationshipType" not in item:
        return ""  # the title of a document is a value here: a setting chooses it
    return _coded(names[0]) if names else ""


def _value_of(item: Dataset) -> str:
    match item.ValueType:
        case "CONTAINER":
            return _coded(item.ConceptNameCodeSequence[0]) if "RelationshipType" not in item else ""
        case "CODE":
            return _coded(item.ConceptCodeSequence[0])
        case "NUM":
            unit = item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0]
            return f"a number of {_coded(unit)}"
        case "TEXT":
            return str(item.TextValue)
        case "UIDREF":
            return str(item.UID)
        case "SCOORD":
            return str(item.GraphicType)
        case _:
            return ""


def _coded(item: Dataset) -> str:
    if item.CodingSchemeDesignator == SOURCE_SCHEME:
        return _FROM_SOURCE
    if item.CodingSchemeDesignator == BUNDLE_SCHEME:
        return _FROM_BUNDLE.get(str(item.CodeValue), _FROM_BUNDLE["FINDING"])
    return code_text(item)


def _template_of(item: Dataset) -> str:
    templates = item.get("ContentTemplateSequence", ())
    return str(templates[0].TemplateIdentifier) if templates else ""


@dataclass(frozen=True, slots=True, order=True)
class CodeUse:
    """A code that the program writes, and where."""

    scheme: str
    value: str
    meaning: str
    used_as: str
    roles: str


def codes_in(samples: Sequence[Sample]) -> list[CodeUse]:
    """Return the codes that the objects hold, but for those of bundles and images."""
    found: dict[tuple[str, str, str], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for sample in samples:
        for keyword, item in _code_items(sample.dataset):
            scheme = str(item.CodingSchemeDesignator)
            if scheme not in (SOURCE_SCHEME, BUNDLE_SCHEME):
                value = str(item.get("CodeValue") or item.get("LongCodeValue"))
                uses, roles = found[scheme, value, str(item.CodeMeaning)]
                uses.add("name" if keyword == "ConceptNameCodeSequence" else "value")
                roles.add(sample.role)
    return sorted(
        CodeUse(*triple, " and ".join(sorted(uses)), ", ".join(sorted(roles)))
        for triple, (uses, roles) in found.items()
    )


def _code_items(dataset: Dataset) -> Iterator[tuple[str, Dataset]]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                if "CodingSchemeDesignator" in item:
                    yield element.keyword, item
                yield from _code_items(item)
