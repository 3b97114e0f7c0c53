"""The annexes (PS3.2 N.A.A to N.A.E): what the objects hold that are made, with sources, codes and templates."""

from collections.abc import Sequence
from itertools import groupby

from hounsfield.daemon.conformance.attributes import (
    ALWAYS,
    AUTO,
    CONFIG,
    COPY,
    EMPTY,
    FIXED,
    NOT_ALWAYS,
    VALUE_NOT_ALWAYS,
    Attribute,
    attributes_of,
)
from hounsfield.daemon.conformance.content import ContentRow, codes_in, content_of
from hounsfield.daemon.conformance.contexts import name_of
from hounsfield.daemon.conformance.document import Block, Bullets, Paragraph, Section, Table
from hounsfield.daemon.conformance.samples import Sample
from hounsfield.daemon.results.retraction import ROLE as REJECTION

OBJECTS: dict[str, str] = {
    "sr": "Structured Report",
    "sc": "Secondary Capture",
    "ko": "Key Object Selection",
    "pr": "Grayscale Softcopy Presentation State",
    REJECTION: "Rejection Note",
}
"""What is made, by role."""
_DOCUMENTS = ("sr", "ko", REJECTION)
_COLUMNS = ("tag", "attribute", "VR", "type", "presence", "source", "value")
_EXTENDED = "in no module of the current standard"


def annexes(samples: Sequence[Sample]) -> tuple[Section, ...]:
    """Return all of them."""
    by_role = {role: [sample for sample in samples if sample.role == role] for role in OBJECTS}
    attributes = {role: attributes_of(of_role) for role, of_role in by_role.items()}
    return (
        _objects(by_role, attributes),
        _contents(by_role),
        Section("A.C", "Security Details", (Paragraph("All of it stands in section 8."),)),
        _mapping(attributes),
        _code_sets(samples),
    )


Modules = dict[str, tuple[tuple[str, ...], ...]]
"""Rows of attributes by the title of their module."""


def _objects(by_role: dict[str, list[Sample]], attributes: dict[str, list[Attribute]]) -> Section:
    modules = {role: _modules_of(of_role) for role, of_role in attributes.items()}
    first, *others = modules.values()
    shared = {title: rows for title, rows in first.items() if all(one.get(title) == rows for one in others)}
    return Section(
        "A.A",
        "Information Object Definitions",
        (
            Paragraph(
                "The tables are read from objects that the program made of generated images. Content items of "
                "documents stand in A.B. An attribute that is not listed is not written."
            ),
        ),
        (
            Section("A.A.1", "Information Shared across Objects", _shared(), (_common(shared),)),
            *(
                _object(f"A.A.{number}", role, by_role[role], modules[role], set(shared))
                for number, role in enumerate(OBJECTS, start=2)
            ),
        ),
    )


def _shared() -> tuple[Block, ...]:
    sources = (
        (FIXED, "always the value that is shown"),
        (COPY, "from the images of the series, what is about patient and study from the first one; byte for byte"),
        (CONFIG, "from the configuration or the installation"),
        (AUTO, "from the analysis and the bundle, or made: UIDs, times, references, scores, words"),
    )
    presences = (
        (ALWAYS, "there, with a value"),
        (VALUE_NOT_ALWAYS, "there, empty where there is no value"),
        (NOT_ALWAYS, "left out where there is no value, or where it does not apply"),
        (EMPTY, "there, always empty"),
    )
    return (
        Table("Sources", ("source", "meaning"), sources),
        Table("Presence", ("presence", "meaning"), presences),
        Bullets(
            (
                "Presence inside a sequence counts for its items. Types are those of PS3.3. Of a sequence that is "
                "copied each item keeps all its standard attributes, whichever they are.",
                "SOP and Series Instance UIDs are derived from what the object says (UUID-derived, 2.25): the same "
                "analysis always gets the same ones, a changed one never does.",
                "No private attributes and no private SOP classes are written. Received images lie on disk with "
                "private information in their file meta (0002,0102), which is not sent.",
                "The pixels of secondary captures are meant for display as they are; no grayscale consistency (PS3.14) "
                "is claimed. Presentation states set window and rescale.",
            )
        ),
    )


def _modules_of(attributes: Sequence[Attribute]) -> Modules:
    return {title: tuple(map(_row, found)) for title, found in groupby(attributes, key=_module)}


def _common(shared: Modules) -> Section:
    tables = tuple(Table(f"All objects: {title}", _COLUMNS, rows) for title, rows in shared.items())
    return Section("A.A.1.1", "Common Modules", (Paragraph("These are the same in all objects."), *tables))


def _object(number: str, role: str, samples: Sequence[Sample], modules: Modules, shared: set[str]) -> Section:
    sop_class = str(samples[0].dataset.SOPClassUID)
    tables = tuple(
        Table(f"{OBJECTS[role]}: {title}", _COLUMNS, rows) for title, rows in modules.items() if title not in shared
    )
    intro = Paragraph(f"SOP class: {name_of(sop_class)}, {sop_class}. To this come the common modules of A.A.1.1.")
    return Section(number, OBJECTS[role], (intro, *tables))


def _module(attribute: Attribute) -> str:
    place = attribute.place
    return f"{place.title} module ({place.usage})" if place else _EXTENDED


def _row(attribute: Attribute) -> tuple[str, ...]:
    return (
        attribute.tag,
        attribute.name,
        attribute.vr,
        attribute.place.type if attribute.place else "3",
        attribute.presence,
        attribute.source,
        attribute.value,
    )


def _contents(by_role: dict[str, list[Sample]]) -> Section:
    sections = tuple(
        _content(f"A.B.{number}", OBJECTS[role], content_of(by_role[role]))
        for number, role in enumerate(_DOCUMENTS, start=1)
    )
    note = Paragraph(
        'Each line is a content item; its depth is shown by ">". Findings, sites and algorithm names are those of the '
        "bundle, which its documentation lists. Absent is coded only for destinations with code_absence. References "
        "between content items are by value only."
    )
    return Section("A.B", "Structured Report Content Encoding", (note,), sections)


def _content(number: str, title: str, rows: Sequence[ContentRow]) -> Section:
    columns = ("item", "relationship", "concept name", "TID", "times", "value")
    cells = tuple(
        (f"{'>' * row.depth}{row.value_type}", row.relationship, row.name, row.template, row.often, row.value)
        for row in rows
    )
    return Section(number, title, (Table(f"Content of the {title}", columns, cells),))


def _mapping(attributes: dict[str, list[Attribute]]) -> Section:
    found: dict[tuple[str, str], list[str]] = {}
    for role, of_role in attributes.items():
        for one in of_role:
            if one.source == COPY:
                roles = found.setdefault((one.tag, one.name.lstrip(">")), [])
                if role not in roles:
                    roles.append(role)
    rows = tuple((tag, name, ", ".join(roles)) for (tag, name), roles in sorted(found.items()))
    return Section(
        "A.D",
        "Mapping of Attributes",
        (
            Paragraph("Attributes that go from the images into results, as they are. No worklist is read."),
            Table("From images into results", ("tag", "attribute", "results"), rows),
        ),
    )


def _code_sets(samples: Sequence[Sample]) -> Section:
    rows = tuple((use.value, use.scheme, use.meaning, use.used_as, use.roles) for use in codes_in(samples))
    return Section(
        "A.E",
        "Code Set Usage",
        (
            Paragraph(
                "Codes that the program writes by itself. Codes of findings and sites come from bundles, mostly of "
                "SNOMED CT; codes of procedures are copied. Templates and context groups are those of PS3.16: TID 300, "
                "320, 1002, 1004, 1204, 1500, 1501, 1600, 2010, 4019; CID 240, 6047, 7010, 7011, 7021."
            ),
            Table("Codes that are written", ("value", "scheme", "meaning", "used as", "results"), rows),
        ),
    )
