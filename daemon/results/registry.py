"""The registry of result writers, and the one function that makes a result set."""

from collections.abc import Mapping, Sequence

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.parts import part10
from hounsfield.daemon.results.request import BuiltObject, ObjectReference, ReportRequest, ResultWriter
from hounsfield.daemon.results.sc import SecondaryCaptureWriter
from hounsfield.daemon.results.sr.document import StructuredReportWriter

WRITERS: Mapping[str, ResultWriter] = {
    writer.role: writer for writer in (StructuredReportWriter(), SecondaryCaptureWriter())
}
"""Every role a destination may ask for."""
_REPORT = "sr"


def build(request: ReportRequest, roles: Sequence[str]) -> tuple[BuiltObject, ...]:
    """Return the finished objects in the order of ``roles``; the report names the others, never the reverse.

    Raise :class:`ResultError` for an unknown role or if an object cannot be built.
    """
    wanted = tuple(dict.fromkeys(roles))
    unknown = [role for role in wanted if role not in WRITERS]
    if unknown:
        raise ResultError(f"there is no result '{unknown[0]}'", f"use {', '.join(sorted(WRITERS))}")
    companions = tuple(WRITERS[role].reference(request, ()) for role in wanted if role != _REPORT)
    return tuple(_built(request, role, companions if role == _REPORT else ()) for role in wanted)


def _built(request: ReportRequest, role: str, companions: tuple[ObjectReference, ...]) -> BuiltObject:
    writer = WRITERS[role]
    reference = writer.reference(request, companions)
    content = part10(writer.write(request, companions))
    return BuiltObject(role, reference.sop_class_uid, reference.sop_instance_uid, content)
