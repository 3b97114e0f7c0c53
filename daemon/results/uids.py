"""Deterministic UIDs: the same analysis always gets the same ones, a changed one never does.

A PACS that gets other content under a known UID answers success and keeps the old content, so all that may
change the content of an object goes into its UID. ``created`` does not: finished bytes are kept and sent again.
"""

import hashlib
import json
import uuid
from typing import Final

from hounsfield.daemon.results.request import ObjectReference, ReportRequest
from hounsfield.daemon.results.source_attributes import text


def derived_uid(*parts: object) -> str:
    """Return a UUID-derived UID (PS3.5 B.2) of the parts; they must be of JSON types."""
    digest = hashlib.sha256(json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


_LAYOUT: Final = 3
"""Raised with every change of what is written for the same analysis: an older version may have sent the former."""


def _result_key(request: ReportRequest) -> list[object]:
    findings = request.analysis.findings
    return [
        ["layout", _LAYOUT],
        text(request.sources[0], "SeriesInstanceUID"),
        request.identity,
        request.revision,
        request.bundle.sha256,
        request.bundle.parameters,
        str(request.outcome),
        None if request.reason is None else str(request.reason),
        [[one.threshold, one.slice_threshold] for one in findings],
        str(request.verdict.completeness),
        [reference.sop_instance_uid for reference in request.predecessors],
        *([request.part] if request.part else []),  # two parts may be frames of one instance
        *([["profile", request.profile.key]] if request.profile.key else []),
    ]


def reference_of(
    role: str,
    sop_class_uid: str,
    request: ReportRequest,
    companions: tuple[ObjectReference, ...] = (),
    number: int = 1,
) -> ObjectReference:
    """Return the UIDs of the object ``number`` (from 1) of a role, whose objects are a series of their own."""
    key = _result_key(request)
    named = [companion.sop_instance_uid for companion in companions]
    return ObjectReference(
        series_uid=derived_uid("series", role, key),
        sop_class_uid=sop_class_uid,
        sop_instance_uid=derived_uid("instance", role, sop_class_uid, key, named, *([number] if number > 1 else [])),
    )


def tracking_uid(source_series_uid: str, label: str, slice_uid: str = "", part: str = "") -> str:
    """Return the UID under which a finding is followed over revisions and model versions (112040)."""
    return derived_uid("tracking", source_series_uid, label, slice_uid, *([part] if part else []))
