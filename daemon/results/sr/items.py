"""Content items of a structured report (PS3.3 C.17.3), one function per value type."""

from collections.abc import Iterable

from pydicom import Dataset

from hounsfield.daemon.results import codes
from hounsfield.daemon.results.parts import coded, sop_reference
from hounsfield.daemon.results.words import plain
from hounsfield.model.findings import CodedConcept

CONTAINS = "CONTAINS"
HAS_OBS_CONTEXT = "HAS OBS CONTEXT"
HAS_CONCEPT_MOD = "HAS CONCEPT MOD"
HAS_ACQ_CONTEXT = "HAS ACQ CONTEXT"
INFERRED_FROM = "INFERRED FROM"
_SELECTED_FROM = "SELECTED FROM"


def _item(value_type: str, relationship: str | None, name: CodedConcept | None) -> Dataset:
    item = Dataset()
    if relationship is not None:
        item.RelationshipType = relationship
    item.ValueType = value_type
    if name is not None:
        item.ConceptNameCodeSequence = [coded(name)]
    return item


def container(
    relationship: str | None, name: CodedConcept, children: Iterable[Dataset], template: str | None = None
) -> Dataset:
    """CONTAINER; the root has no relationship. ``template`` is a TID of PS3.16."""
    item = _item("CONTAINER", relationship, name)
    item.ContinuityOfContent = "SEPARATE"
    if template is not None:
        used = Dataset()
        used.MappingResource = "DCMR"
        used.TemplateIdentifier = template
        item.ContentTemplateSequence = [used]
    content = list(children)
    if content:
        item.ContentSequence = content
    return item


def code(relationship: str, name: CodedConcept, value: CodedConcept | Dataset) -> Dataset:
    """CODE; the value may be a code sequence item copied from the source."""
    item = _item("CODE", relationship, name)
    item.ConceptCodeSequence = [value if isinstance(value, Dataset) else coded(value)]
    return item


def words(relationship: str, name: CodedConcept, value: str) -> Dataset:
    """TEXT, made plain ASCII."""
    item = _item("TEXT", relationship, name)
    item.TextValue = plain(value)
    return item


def uidref(relationship: str, name: CodedConcept, value: str) -> Dataset:
    """UIDREF."""
    item = _item("UIDREF", relationship, name)
    item.UID = value
    return item


def num(relationship: str, name: CodedConcept, value: str, unit: CodedConcept = codes.NO_UNITS) -> Dataset:
    """NUM; ``value`` as DS writes it, at most 16 characters."""
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = [coded(unit)]
    item = _item("NUM", relationship, name)
    item.MeasuredValueSequence = [measured]
    return item


def image(
    relationship: str, name: CodedConcept | None, sop_class_uid: str, sop_instance_uid: str, frame: int | None = None
) -> Dataset:
    """IMAGE; ``frame`` is the number of the one frame that is meant (PS3.3 C.18.4)."""
    item = _item("IMAGE", relationship, name)
    item.ReferencedSOPSequence = [sop_reference(sop_class_uid, sop_instance_uid, frame)]
    return item


def composite(relationship: str, name: CodedConcept, sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """COMPOSITE: an object that is no image (PS3.3 C.18.3)."""
    item = _item("COMPOSITE", relationship, name)
    item.ReferencedSOPSequence = [sop_reference(sop_class_uid, sop_instance_uid)]
    return item


def outline(relationship: str, name: CodedConcept, rows: int, columns: int, of: Dataset) -> Dataset:
    """SCOORD around a whole image (PS3.3 C.18.6: column, row, from the outer corner of the first pixel), selected
    ``of`` its IMAGE item."""
    item = _item("SCOORD", relationship, name)
    item.GraphicType = "POLYLINE"
    item.GraphicData = [0.0, 0.0, columns, 0.0, columns, rows, 0.0, rows, 0.0, 0.0]
    of.RelationshipType = _SELECTED_FROM
    item.ContentSequence = [of]
    return item
