"""Result files to take back or to write anew, as the results folder holds them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.reports import request

from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.retraction import Rejection

LATER = datetime(2026, 7, 3, 9, 30, tzinfo=UTC)


def result_files(folder: Path, **changes: Any) -> tuple[Path, ...]:
    """Write report and capture of one result; ``changes`` as for :func:`support.reports.request`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for built in build(request(**changes), ("sr", "sc")):
        path = folder / f"{built.sop_instance_uid}.dcm"
        path.write_bytes(built.content)
        paths.append(path)
    return tuple(paths)


def rejection(objects: tuple[Path, ...], **changes: Any) -> Rejection:
    """What is taken back, with plain values that a test may replace."""
    fields: dict[str, Any] = {
        "objects": objects,
        "profile": "",
        "words": "wrong threshold",
        "created": LATER,
        "timezone": "Europe/Berlin",
    }
    return Rejection(**fields | changes)
