"""A series as a candidate for analysis: each of its reconstructions with verdict and rank, for each bundle."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from hounsfield.daemon.assembly.completeness import Evidence, counted, ended_badly, judge
from hounsfield.daemon.assembly.identities import IdentityReader
from hounsfield.daemon.assembly.images import SeriesImages
from hounsfield.daemon.assembly.selection import select
from hounsfield.daemon.config.rules import Rule
from hounsfield.daemon.errors import IdentityUnavailable
from hounsfield.model.bundle import Bundle
from hounsfield.model.fitness import assess
from hounsfield.model.geometry import SeriesGeometry, measure
from hounsfield.model.headers import SliceHeader
from hounsfield.model.parts import Part
from hounsfield.model.preference import Rank, rank
from hounsfield.storage.records import Verdict
from hounsfield.storage.states import Completeness, Reason

_WORSE = {Completeness.COMPLETE: 0, Completeness.SUSPECT: 1, Completeness.INCOMPLETE: 2}
_REMEMBERED = 10_000
"""Images of which it is remembered what they show: a spool file never changes."""

Slice = tuple[int, int | None]
"""The id of a SOP instance, and the frame where it is a multi-frame one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """One part of a series, as it would be analysed."""

    part: Part
    headers: tuple[SliceHeader, ...]
    slices: frozenset[Slice]
    geometry: SeriesGeometry
    verdict: Verdict
    twins: tuple[int, ...]
    """Ids of the SOP instances that show the same as another one at their position, and were left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One reconstruction for one bundle."""

    bundle: Bundle
    reconstruction: Reconstruction
    rank: Rank
    """Smaller is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a rule could do with a series; ``options`` is empty where no bundle wants it or it has to be held."""

    images: SeriesImages
    options: tuple[Option, ...] = ()
    skipped: Reason | None = None
    held: Reason | None = None

    @property
    def twins(self) -> frozenset[int]:
        """Ids of SOP instances that came twice under two identifiers, in any of its reconstructions."""
        return frozenset(one for option in self.options for one in option.reconstruction.twins)

    def best(self, bundle: Bundle) -> Option | None:
        """Return the best of its reconstructions for a bundle."""
        own = [option for option in self.options if option.bundle.sha256 == bundle.sha256]
        return min(own, key=lambda option: option.rank) if own else None


class Bundles(Protocol):
    """The bundles that new jobs may get; others between one look at the series and the next."""

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """In the order of preference."""


class Examiner:
    """Turns series into candidates; compares the pixels of slices at one position where there are any."""

    def __init__(self, shelf: Bundles, identities: IdentityReader) -> None:
        self._shelf = shelf
        self._identities = identities
        self._shown: dict[Path, str] = {}

    def examine(self, images: SeriesImages, rule: Rule, evidence: Evidence) -> Candidate:
        """Judge every reconstruction of a series for every bundle that wants it."""
        waived = images.series.waived
        chosen = select(
            [images.headers[i] for part in images.split.parts for i in part.indices] or images.headers,
            self._bundles_of(rule),
            by_rule=not rule.implicit,
            cut_off=ended_badly(images.associations),
            waived=waived,
        )
        if chosen.skipped is not None:
            return Candidate(images=images, skipped=chosen.skipped)
        parts = [self._reconstruction(images, part, evidence) for part in images.split.parts]
        unclear = any(one.geometry.duplicate_positions for one in parts) or images.split.ambiguous is not None
        if unclear and Reason.AMBIGUOUS_GEOMETRY not in waived:
            return Candidate(images=images, held=Reason.AMBIGUOUS_GEOMETRY)
        options = [_option(bundle, part, rule) for bundle in chosen.bundles for part in parts]
        return Candidate(images=images, options=tuple(options))

    def _bundles_of(self, rule: Rule) -> tuple[Bundle, ...]:
        if rule.implicit:
            return self._shelf.bundles
        return tuple(bundle for bundle in self._shelf.bundles if bundle.manifest.name in rule.bundle)

    def _reconstruction(self, images: SeriesImages, part: Part, evidence: Evidence) -> Reconstruction:
        twins = self._twins(images, part)
        indices = [i for i in part.indices if i not in twins]
        headers = images.part_headers(indices)
        geometry = measure(headers)
        verdict = judge(geometry, evidence)
        return Reconstruction(
            part=part,
            headers=headers,
            slices=slices_of(images, indices),
            geometry=geometry,
            verdict=_with_remarks(verdict, images, part, len(twins)),
            twins=tuple(images.owners[i] for i in sorted(twins)),
        )

    def _twins(self, images: SeriesImages, part: Part) -> set[int]:
        """Slices that show exactly what an earlier received one at the same position shows."""
        if not part.duplicates:
            return set()
        concerned = sorted({i for pair in part.duplicates for i in pair})
        contents = self._contents({images.headers[i].path for i in concerned})
        seen: set[tuple[str, tuple[float, ...] | None]] = set()
        twins: set[int] = set()
        for i in concerned:
            header = images.headers[i]
            content = contents.get(header.path)
            if content is None or header.frame is not None:
                continue
            shown = content, header.position
            if shown in seen:
                twins.add(i)
            seen.add(shown)
        return twins

    def _contents(self, paths: set[Path]) -> Mapping[Path, str]:
        """What each image shows, whatever it is called; nothing of those for which that cannot be found out."""
        if len(self._shown) > _REMEMBERED:
            self._shown.clear()
        unknown = sorted(paths - self._shown.keys())
        if unknown:
            try:
                found = self._identities.read(unknown)
            except IdentityUnavailable:
                return {}  # nothing counts as the same: the series is held
            self._shown.update((path, identity.content) for path, identity in found.items())
        return {path: self._shown[path] for path in paths if path in self._shown}


def slices_of(images: SeriesImages, indices: Iterable[int]) -> frozenset[Slice]:
    """Return which slices stand at these places of a series."""
    return frozenset((images.owners[i], images.headers[i].frame) for i in indices)


def _option(bundle: Bundle, one: Reconstruction, rule: Rule) -> Option:
    manifest = bundle.manifest
    fitness = assess(one.headers, one.geometry, manifest.scope, wanted_by_rule=not rule.implicit)
    completeness = _WORSE[one.verdict.completeness]
    return Option(
        bundle=bundle,
        reconstruction=one,
        rank=rank(one.headers, one.geometry, manifest.preference, fitness.rejection, completeness, part=one.part.key),
    )


def _with_remarks(verdict: Verdict, images: SeriesImages, part: Part, twins: int) -> Verdict:
    """Say what of the series the reconstruction is, where it is not all of it."""
    remarks = [*verdict.remarks, *images.split.remarks(part.key)]
    if twins:
        remarks.append(f"{counted(twins, 'image')} left out: the same picture came twice.")
    if Reason.CONFLICT in images.series.waived and images.new_variants:
        again = len({one.sop_instance_uid for one in images.new_variants})
        remarks.append(
            f"{counted(again, 'image')} came again with other content under the same identifier; what came first is "
            "used, as an administrator decided."
        )
    left_out = len(images.headers) - len(part.indices) + twins
    evidence = {**verdict.evidence, "reconstructions": len(images.split.parts), "left_out": left_out}
    return replace(verdict, remarks=tuple(remarks), evidence=evidence)
