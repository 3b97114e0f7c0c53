"""What the worker found out about its bundles, kept for those who cannot: the command line, and the next worker.

A small file, ``serving.json`` in ``storage.home``. It decides nothing about results: without it, or with a damaged one,
everything goes on.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

FILE = "serving.json"
LOST_FOR = timedelta(hours=1)
"""How long a device that was lost is left alone where another one may be taken."""
_MOST = 100


class ServingState(StrEnum):
    """How a bundle fared when the worker loaded it last."""

    LOADING = "loading"
    """Being loaded; if it stays so, the process died of it."""
    SERVED = "served"
    DRIFTED = "drifted"
    """Its self-test gave other scores than it was made with."""
    REFUSED = "refused"
    """It does not load, or its answers are no scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingNote:
    """What is known of one bundle."""

    state: ServingState
    at: datetime
    words: str = ""
    """Why, or on which device."""


class ServingNotes:
    """Reads and writes the file. Raises nothing for one that cannot be read, OSError for one that cannot be written."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def of(self, sha256: str) -> ServingNote | None:
        """Return what is known of a bundle."""
        return self._bundles().get(sha256)

    def put(self, sha256: str, note: ServingNote) -> None:
        """Write what was found out."""
        newest = sorted((self._bundles() | {sha256: note}).items(), key=lambda item: item[1].at)[-_MOST:]
        rows = {key: {**asdict(one), "at": one.at.isoformat()} for key, one in newest}
        self._write({**self._read(), "bundles": rows})

    def device_lost(self, now: datetime) -> None:
        """Write that the device went away while a model ran."""
        self._write({**self._read(), "device_lost": now.isoformat()})

    def is_device_lost(self, now: datetime) -> bool:
        """Whether a device went away not long ago."""
        at = _moment(self._read().get("device_lost"))
        return at is not None and now - LOST_FOR < at <= now

    def _bundles(self) -> dict[str, ServingNote]:
        rows = self._read().get("bundles")
        notes = {str(key): _note(row) for key, row in rows.items()} if isinstance(rows, dict) else {}
        return {key: note for key, note in notes.items() if note is not None}

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, content: Mapping[str, object]) -> None:
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{FILE}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
            Path(name).replace(self._path)
        finally:
            Path(name).unlink(missing_ok=True)


def _note(row: object) -> ServingNote | None:
    if not isinstance(row, dict):
        return None
    state, at, words = row.get("state"), _moment(row.get("at")), row.get("words")
    if state not in set(ServingState) or at is None or not isinstance(words, str):
        return None
    return ServingNote(state=ServingState(state), at=at, words=words)


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
