"""Gathers what a report speaks of from the spool: headers, geometry, data sets, identity."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

from hounsfield.daemon.pipeline.reporting import Evidence
from hounsfield.daemon.results.source_attributes import text
from hounsfield.model.errors import UnreadableInstance
from hounsfield.model.geometry import SeriesGeometry, measure
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.identity import instance_identity, series_identity
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import JobRecord, Verdict
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import Completeness, Reason

_NAMED_BY = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The frozen input of one INFER job."""

    paths: tuple[Path, ...]
    digests: tuple[str, ...]
    headers: tuple[SliceHeader, ...]
    """Of every readable instance, in the order received."""
    unreadable: int
    geometry: SeriesGeometry
    verdict: Verdict

    @property
    def remarks(self) -> tuple[str, ...]:
        """What has happened to the images since the series was closed."""
        if not self.unreadable or Reason.UNREADABLE in self.verdict.reasons:
            return ()
        return (f"{self.unreadable} of {len(self.paths)} stored images can no longer be read.",)

    @property
    def ordered(self) -> tuple[SliceHeader, ...]:
        """Headers in volume order, localizers left out."""
        return tuple(self.headers[i] for i in self.geometry.order)


def open_snapshot(series: SeriesStore, spool: Spool, job: JobRecord) -> Snapshot:
    """Read the headers of the job's revision."""
    instances = series.instances(job.series_id, job.revision)
    paths = tuple(spool.path(instance.digest) for instance in instances)
    headers: list[SliceHeader] = []
    for path in paths:
        try:
            headers.append(read_header(path))
        except UnreadableInstance:
            continue  # counted below: the report says that an image could not be read
    verdict = series.verdict(job.series_id, job.revision)
    return Snapshot(
        paths=paths,
        digests=tuple(instance.digest for instance in instances),
        headers=tuple(headers),
        unreadable=len(paths) - len(headers),
        geometry=measure(headers),
        verdict=verdict or Verdict(completeness=Completeness.SUSPECT),
    )


def evidence(snapshot: Snapshot, slices_hu: Sequence[np.ndarray] = ()) -> Evidence:
    """Evidence with the full analysis identity: decodes every image, so only under the worker's limits."""
    identity = series_identity(_identity(path) for path in snapshot.paths)
    return _evidence(snapshot, identity, slices_hu)


def undecoded_evidence(snapshot: Snapshot) -> Evidence:
    """Evidence for a job whose pixels must not be touched again (they crashed a worker).

    The identity is taken over the received bytes and marked, so that it never equals a decoded one.
    """
    digest = hashlib.sha256(b"undecoded\0" + "\0".join(sorted(snapshot.digests)).encode()).hexdigest()
    return _evidence(snapshot, digest, ())


def _evidence(snapshot: Snapshot, identity: str, slices_hu: Sequence[np.ndarray]) -> Evidence:
    # Those whose patient the assembler has compared come first: a report copies the patient of the first one.
    paths = dict.fromkeys(header.path for header in (*snapshot.ordered, *snapshot.headers))
    data_sets = (_data_set(path) for path in dict.fromkeys((*paths, *snapshot.paths)))
    return Evidence(
        sources=tuple(one for one in data_sets if one is not None),
        headers=snapshot.ordered,
        slices_hu=slices_hu,
        identity=identity,
        verdict=snapshot.verdict,
    )


def _identity(path: Path) -> str:
    try:
        return instance_identity(path)
    except OSError:  # gone or out of reach: its name is the digest of what it was
        return f"lost {path.stem}"


def _data_set(path: Path) -> Dataset | None:
    """Return the instance without its pixels, None if a report cannot name it: it was damaged after reception."""
    try:
        found = dcmread(path, stop_before_pixels=True)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a damaged file makes it raise
        return None
    return found if all(text(found, keyword) for keyword in _NAMED_BY) else None
