"""The registry of result writers, and the one function that makes a result set."""

from collections.abc import Mapping, Sequence

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.ko import KeyObjectWriter
from hounsfield.daemon.results.parts import part10
from hounsfield.daemon.results.pr import PresentationStateWriter
from hounsfield.daemon.results.request import BuiltObject, ObjectReference, ReportRequest, ResultWriter
from hounsfield.daemon.results.sc import SecondaryCaptureWriter
from hounsfield.daemon.results.sr.document import StructuredReportWriter

WRITERS: Mapping[str, ResultWriter] = {
    writer.role: writer
    for writer in (
        StructuredReportWriter(),
        SecondaryCaptureWriter(),
        KeyObjectWriter(),
        PresentationStateWriter(),
    )
}
"""Every role a destination may ask for."""
_REPORT = "sr"


def build(
    request: ReportRequest, roles: Sequence[str], writers: Mapping[str, ResultWriter] = WRITERS
) -> tuple[BuiltObject, ...]:
    """Return the finished objects in the order of ``roles``; the report names the others, never the reverse.

    Raise :class:`ResultError` for an unknown role or if an object cannot be built.
    """
    wanted = tuple(dict.fromkeys(roles))
    unknown = [role for role in wanted if role not in writers]
    if unknown:
        raise ResultError(f"there is no result '{unknown[0]}'", f"use {', '.join(sorted(writers))}")
    companions = tuple(
        reference for role in wanted if role != _REPORT for reference in writers[role].references(request, ())
    )
    return tuple(
        built for role in wanted for built in _built(writers[role], request, companions if role == _REPORT else ())
    )


def _built(
    writer: ResultWriter, request: ReportRequest, companions: tuple[ObjectReference, ...]
) -> tuple[BuiltObject, ...]:
    references = writer.references(request, companions)
    return tuple(
        BuiltObject(writer.role, reference.sop_class_uid, reference.sop_instance_uid, part10(dataset))
        for reference, dataset in zip(references, writer.write(request, companions), strict=True)
    )
