"""What decisions are taken from: the database and the spool of a service, or files on disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hounsfield.daemon.assembly.images import SeriesImages
from hounsfield.storage.records import InstanceRecord, JobRecord, SeriesRecord


class Studies(Protocol):
    """Knows which series belong together."""

    def of_study(self, study_uid: str) -> Sequence[SeriesRecord]:
        """Return the series of a study, as ``hounsfield.storage.ports.SeriesStore.of_study``."""

    def instances(self, series_id: int, revision: int | None = None) -> Sequence[InstanceRecord]:
        """Return the copies of a series, or a revision's snapshot, as ``SeriesStore.instances``."""

    def known_elsewhere(self, series_id: int) -> int:
        """Return how many of its images came before in another series, as ``SeriesStore.known_elsewhere``."""


class JobLog(Protocol):
    """Knows what became of series that were analysed."""

    def of_series(self, series_id: int) -> Sequence[JobRecord]:
        """Return the jobs of a series, as ``hounsfield.storage.ports.JobStore.of_series``."""


class Reader(Protocol):
    """Reads the images of a series."""

    def read(self, record: SeriesRecord) -> SeriesImages:
        """Return what is there of it, as ``hounsfield.daemon.assembly.images.SeriesReader.read``."""


class Paths(Protocol):
    """Knows where instances lie."""

    def path(self, digest: str) -> Path:
        """Return the file of an instance, as ``hounsfield.storage.spool.Spool.path``."""
