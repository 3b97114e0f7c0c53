"""What lies in the spool of a series: its instances, the headers of its slices, its reconstructions."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hounsfield.daemon.assembly.facts import SeriesFacts, gather_facts
from hounsfield.daemon.assembly.own_results import MOST_HONEST, OwnResultFinder, is_derived, relabelled
from hounsfield.daemon.feedback.collector import Companion
from hounsfield.model.attributes import read_attributes
from hounsfield.model.errors import UnreadableInstance
from hounsfield.model.headers import SliceHeader, read_slices
from hounsfield.model.parts import Split, split
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import AssociationRecord, InstanceRecord, SeriesRecord
from hounsfield.storage.spool_files import SpoolFiles
from hounsfield.storage.states import InstanceRole

_KEPT = 16
"""Series whose headers are remembered: those that wait for each other."""


@dataclass(frozen=True, kw_only=True)
class SeriesImages:
    """A series as it lay in the spool when it was read."""

    series: SeriesRecord
    instances: tuple[InstanceRecord, ...]
    """Every copy that is in the spool, whatever it is."""
    associations: tuple[AssociationRecord, ...]
    headers: tuple[SliceHeader, ...]
    """Of every slice of every primary source instance that can be read; several of a multi-frame instance."""
    owners: tuple[int, ...]
    """The instance id of each header."""
    unreadable: int
    """Primary source instances that cannot be read."""
    facts: SeriesFacts
    companions: tuple[Companion, ...] = ()
    """What was sent along and can be looked into, the newest ones; never a result of ours."""
    gone: tuple[InstanceRecord, ...] = ()
    """First copies of images whose files were removed after their time; not among ``instances``."""

    @cached_property
    def sources(self) -> tuple[InstanceRecord, ...]:
        """Instances that hold images, every copy."""
        return tuple(one for one in self.instances if one.role is InstanceRole.SOURCE)

    @cached_property
    def primaries(self) -> tuple[InstanceRecord, ...]:
        """The first copy of each SOP instance that holds images."""
        return tuple(one for one in self.sources if one.is_primary)

    @cached_property
    def new_variants(self) -> tuple[InstanceRecord, ...]:
        """Later copies with other bytes that no decision has looked at."""
        return tuple(one for one in self.sources if not one.is_primary and one.revision == 0)

    @cached_property
    def split(self) -> Split:
        """The reconstructions it holds."""
        return split(self.headers)

    @cached_property
    def mixed(self) -> tuple[bool, bool]:
        """Whether the slices name more than one patient, and more than one study."""
        patients = {header.patient for header in self.headers}
        studies = {header.study_uid for header in self.headers}
        return len(patients) > 1, len(studies) > 1

    def part_headers(self, indices: Sequence[int]) -> tuple[SliceHeader, ...]:
        """Return the headers at these places."""
        return tuple(self.headers[i] for i in indices)


class SeriesReader:
    """Reads series, and remembers those it read last as long as nothing new comes for them."""

    def __init__(
        self, series: SeriesStore, spool: SpoolFiles, own_results: OwnResultFinder, keywords: Sequence[str] = ()
    ) -> None:
        self._series = series
        self._spool = spool
        self._own_results = own_results
        self._keywords = frozenset(keywords)
        self._kept: OrderedDict[int, SeriesImages] = OrderedDict()

    def read(self, record: SeriesRecord) -> SeriesImages:
        """Return what is there of a series; the same object as long as its version is the same."""
        known = self._kept.get(record.id)
        if known is None or known.series.version != record.version:
            known = self._read(record)
            self._kept[record.id] = known
        self._kept.move_to_end(record.id)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return known

    def forget(self, series_id: int) -> None:
        """Drop what is remembered of a series that has been decided on."""
        self._kept.pop(series_id, None)

    def _read(self, record: SeriesRecord) -> SeriesImages:
        copies = self._series.instances(record.id)
        here = [one for one in copies if one.removed_at is None]
        received, companions = self._own_results.sort_out(here)
        found = self._slices([one for one in received if one.role is InstanceRole.SOURCE and one.is_primary])
        instances = relabelled(received, found.ours)
        return SeriesImages(
            series=record,
            instances=instances,
            companions=companions,
            gone=tuple(one for one in copies if one.removed_at is not None and one.is_first_image),
            associations=tuple(self._series.associations(record.id)),
            headers=tuple(found.headers),
            owners=tuple(found.owners),
            unreadable=found.unreadable,
            facts=gather_facts(found.headers, found.attributes, instances),
        )

    def _slices(self, primaries: Sequence[InstanceRecord]) -> "_Slices":
        """Read what each image says; none of those that an archive made of results of ours."""
        found = _Slices()
        honest = 0
        for one in primaries:
            path = self._spool.path(one.digest)
            try:
                slices = read_slices(path)
                if is_derived(slices) and honest < MOST_HONEST:
                    if self._own_results.is_ours(one):
                        found.ours.add(one.id)
                        continue
                    honest += 1
                if self._keywords:
                    found.attributes.append(read_attributes(path, self._keywords))
            except UnreadableInstance:
                found.unreadable += 1
                continue
            found.headers.extend(slices)
            found.owners.extend([one.id] * len(slices))
        return found


@dataclass(slots=True)
class _Slices:
    """What the images of a series say."""

    headers: list[SliceHeader] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    attributes: list[Mapping[str, tuple[str | float, ...]]] = field(default_factory=list)
    unreadable: int = 0
    ours: set[int] = field(default_factory=set)
    """Ids of the instances that are results of ours."""
