"""What the console is made of: handed in by the composition root."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.engine import Database
from hounsfield.storage.results import ResultFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleParts:
    """All that pages, metrics and health read from."""

    settings: Settings
    database: Database
    files: ResultFiles
    home: Path
    hasher: UidHasher
    """UIDs and accession numbers as keyed hashes."""
    clock: Clock
    version: str
    """Of this program."""
    host: str
    """Where this console runs, as components name it."""


class HasParts(Protocol):
    """What routers need of the site that show no pages."""

    @property
    def parts(self) -> ConsoleParts:
        """What the console is made of."""
