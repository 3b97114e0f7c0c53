"""Gathers what a report speaks of from the spool: headers, geometry, data sets, identity.

A job is about one reconstruction of its series; the images of others are no evidence of its results.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

from hounsfield.daemon.pipeline.page_content import Evidence
from hounsfield.daemon.results.pr import SHOWN_BY
from hounsfield.daemon.results.source_attributes import text
from hounsfield.model.decoding.decoder import Decoder
from hounsfield.model.errors import UnreadableInstance
from hounsfield.model.geometry import SeriesGeometry, measure
from hounsfield.model.headers import SliceHeader, read_slices
from hounsfield.model.identity import identity_of, series_identity, unreadable_identity
from hounsfield.model.parts import split
from hounsfield.model.volume import Volume
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import JobRecord, Verdict
from hounsfield.storage.spool_files import SpoolFiles
from hounsfield.storage.states import Completeness, Reason

_NAMED_BY = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")
_OF_LATER_SOURCES = [*_NAMED_BY, "InstanceNumber", *SHOWN_BY]
"""All that results take from a source that is not the first."""

Slice = tuple[Path, int | None]
"""A file and the frame in it."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The frozen input of one INFER job: of its revision, the images of its reconstruction."""

    paths: tuple[Path, ...]
    """Of the instances it is about; those that cannot be read any more come last."""
    digests: tuple[str, ...]
    """Of the same instances."""
    headers: tuple[SliceHeader, ...]
    """Of their readable slices, in the order received."""
    unreadable: int
    ambiguous: bool
    """The reconstruction that the job names is not found in the series: then all of the series is here."""
    geometry: SeriesGeometry
    verdict: Verdict
    calling_ae: str = ""
    """AE title that sent most of the images."""

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


def open_snapshot(series: SeriesStore, spool: SpoolFiles, job: JobRecord) -> Snapshot:
    """Read the headers of the job's revision, and take its part of them."""
    digests: dict[Path, str] = {}
    headers: list[SliceHeader] = []
    unreadable: list[Path] = []
    senders: Counter[str] = Counter()
    for instance in series.instances(job.series_id, job.revision):
        path = spool.path(instance.digest)
        digests[path] = instance.digest
        senders[instance.calling_ae] += 1
        try:
            headers.extend(read_slices(path))
        except UnreadableInstance:
            unreadable.append(path)  # the report says that an image could not be read
    part = split(headers).part(job.part)
    own = headers if part is None else [headers[i] for i in part.indices]
    paths = (*dict.fromkeys(header.path for header in own), *unreadable)
    verdict = job.verdict or series.verdict(job.series_id, job.revision)
    return Snapshot(
        paths=paths,
        digests=tuple(digests[path] for path in paths),
        headers=tuple(own),
        unreadable=len(unreadable),
        ambiguous=part is None and bool(headers),
        geometry=measure(own),
        verdict=verdict or Verdict(completeness=Completeness.SUSPECT),
        calling_ae=max(sorted(senders), key=lambda name: senders[name], default=""),
    )


def evidence(snapshot: Snapshot, decoder: Decoder, volume: Volume | None) -> Evidence:
    """Evidence with the full analysis identity; only what the ``volume`` has not read is decoded for it."""
    known: dict[Slice, str | None] = {}
    slices_hu: Sequence[np.ndarray] = ()
    if volume is not None:
        known.update(zip(map(_slice, volume.headers), volume.digests, strict=False))
        slices_hu = volume.slices_hu if volume.complete else ()
    left = [header for header in snapshot.headers if _slice(header) not in known]
    known.update(zip(map(_slice, left), decoder.digests(left), strict=True))
    return _evidence(snapshot, _identity(snapshot, known), slices_hu)


def undecoded_evidence(snapshot: Snapshot) -> Evidence:
    """Evidence for a job whose pixels must not be touched again (they crashed a worker).

    The identity is taken over the received bytes and marked, so that it never equals a decoded one.
    """
    digest = hashlib.sha256(b"undecoded\0" + "\0".join(sorted(snapshot.digests)).encode()).hexdigest()
    return _evidence(snapshot, digest, ())


def _slice(header: SliceHeader) -> Slice:
    return header.path, header.frame


def _identity(snapshot: Snapshot, digests: Mapping[Slice, str | None]) -> str:
    """The analysis identity of the images; of a multi-frame instance, of its frames that belong to them."""
    by_path: dict[Path, list[SliceHeader]] = {path: [] for path in snapshot.paths}
    for header in snapshot.headers:
        by_path[header.path].append(header)
    return series_identity(_instance(path, slices, digests) for path, slices in by_path.items())


def _instance(path: Path, slices: Sequence[SliceHeader], digests: Mapping[Slice, str | None]) -> str:
    try:
        if not slices:
            return unreadable_identity(path).identity
        found = [digest for header in slices if (digest := digests[_slice(header)]) is not None]
        return identity_of(slices, found if len(found) == len(slices) else None).identity
    except OSError:  # gone or out of reach: its name is the digest of what it was
        return f"lost {path.stem}"


def _evidence(snapshot: Snapshot, identity: str, slices_hu: Sequence[np.ndarray]) -> Evidence:
    # Those whose patient the assembler has compared come first: a report copies the patient of the first one.
    paths = dict.fromkeys(header.path for header in (*snapshot.ordered, *snapshot.headers))
    sources: list[Dataset] = []
    for path in dict.fromkeys((*paths, *snapshot.paths)):
        found = _data_set(path, _OF_LATER_SOURCES if sources else None)
        if found is not None:
            sources.append(found)
    return Evidence(
        sources=tuple(sources),
        headers=snapshot.ordered,
        slices_hu=slices_hu,
        identity=identity,
        verdict=snapshot.verdict,
    )


def _data_set(path: Path, keywords: list[str] | None) -> Dataset | None:
    """Return the instance without its pixels, None if a report cannot name it: it was damaged after reception."""
    try:
        found = dcmread(path, stop_before_pixels=True, specific_tags=keywords)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a damaged file makes it raise
        return None
    return found if all(text(found, keyword) for keyword in _NAMED_BY) else None
