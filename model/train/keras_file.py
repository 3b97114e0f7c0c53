"""Networks as ``.keras`` files of which the same weights give the same bytes."""

import io
import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

FIXED_DATE = "1980-01-01@00:00:00"
"""In the file; the day it was made stands in the manifest."""


def keras_bytes(model: Any) -> bytes:
    """Return a ``.keras`` file; the same weights give the same bytes: dates and memory addresses are replaced."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.keras"
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in sorted(archive.namelist())}
    return _normalised(members)


def _normalised(members: dict[str, bytes]) -> bytes:
    metadata = json.loads(members["metadata.json"]) | {"date_saved": FIXED_DATE}
    members["metadata.json"] = json.dumps(metadata).encode()
    members["config.json"] = _without_addresses(members["config.json"].decode()).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _without_addresses(config: str) -> str:
    """Number shared objects in the order they appear; Keras names them by their address in memory."""
    seen: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f'"shared_object_id": {seen.setdefault(match[1], len(seen) + 1)}'

    return re.sub(r'"shared_object_id": (\d+)', numbered, config)
