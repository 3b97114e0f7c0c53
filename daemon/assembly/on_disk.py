"""Files on disk as a decider sees received series: as if all of them had come long ago. Reads only."""

import filecmp
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from hounsfield.daemon.assembly.decider import Decider
from hounsfield.daemon.assembly.decision import Close, Decision, Hold, Skip, Unchanged, Wait
from hounsfield.daemon.assembly.facts import gather_facts
from hounsfield.daemon.assembly.images import SeriesImages
from hounsfield.daemon.assembly.quiet import Quiet
from hounsfield.model.attributes import Values, read_attributes
from hounsfield.model.errors import UnreadableInstance
from hounsfield.model.headers import SliceHeader, read_slices
from hounsfield.storage.records import InstanceRecord, JobRecord, SeriesRecord
from hounsfield.storage.states import InstanceRole, SeriesState

LONG_AGO = Quiet(quiet=1e9, age=1e9)
"""No rule waits for so long."""
_STATES = {Skip: SeriesState.SKIPPED, Hold: SeriesState.HELD, Close: SeriesState.CLOSED, Unchanged: SeriesState.CLOSED}


class FilesOnDisk:
    """The series of some files. Stands for series store, job log, reader and spool of a decider."""

    def __init__(
        self,
        files: Iterable[Path],
        *,
        keywords: Collection[str],
        role_of: Callable[[str], InstanceRole],
        now: datetime,
    ) -> None:
        """``keywords`` are those of the rules; ``role_of`` says whether a bundle could be made for a SOP class."""
        self._keywords = keywords
        self._role_of = role_of
        self._now = now
        self._images: dict[int, SeriesImages] = {}
        self._paths: dict[str, Path] = {}
        self.unreadable: list[Path] = []
        """Files that are no DICOM images or cannot be read."""
        for uid, slices in self._by_series(files).items():
            self._add(uid, slices)

    def _by_series(self, files: Iterable[Path]) -> dict[str, list[tuple[SliceHeader, ...]]]:
        found: dict[str, list[tuple[SliceHeader, ...]]] = {}
        for path in files:
            try:
                slices = read_slices(path)
            except UnreadableInstance:
                slices = ()
            if slices and slices[0].series_uid and slices[0].sop_instance_uid:
                found.setdefault(slices[0].series_uid, []).append(slices)
            else:
                self.unreadable.append(path)
        return found

    def _add(self, series_uid: str, instances: list[tuple[SliceHeader, ...]]) -> None:
        number = len(self._images) + 1
        records: list[InstanceRecord] = []
        headers: list[SliceHeader] = []
        owners: list[int] = []
        attributes: list[Mapping[str, Values]] = []
        first: dict[str, Path] = {}
        for slices in instances:
            header = slices[0]
            known = first.setdefault(header.sop_instance_uid, header.path)
            if known != header.path and filecmp.cmp(known, header.path, shallow=False):
                continue  # the same file in another place
            record = self._instance(header, number, primary=known == header.path)
            records.append(record)
            if not record.is_primary or record.role is not InstanceRole.SOURCE:
                continue
            headers.extend(slices)
            owners.extend([record.id] * len(slices))
            if self._keywords:
                attributes.append(read_attributes(header.path, self._keywords))
        self._images[number] = SeriesImages(
            series=self._record(number, series_uid, instances[0][0].study_uid, len(first)),
            instances=tuple(records),
            associations=(),
            headers=tuple(headers),
            owners=tuple(owners),
            unreadable=0,
            facts=gather_facts(headers, attributes),
        )

    def _instance(self, header: SliceHeader, series_id: int, *, primary: bool) -> InstanceRecord:
        number = len(self._paths) + 1
        self._paths[str(number)] = header.path
        return InstanceRecord(
            digest=str(number),
            sop_instance_uid=header.sop_instance_uid,
            sop_class_uid=header.sop_class_uid,
            series_uid=header.series_uid,
            study_uid=header.study_uid,
            transfer_syntax=header.transfer_syntax,
            role=self._role_of(header.sop_class_uid),
            calling_ae="",
            called_ae="",
            peer_address="",
            association_id="",
            received_at=self._now,
            size=0,
            id=number,
            series_id=series_id,
            revision=0,
            is_primary=primary,
            copies=1,
        )

    def _record(self, number: int, series_uid: str, study_uid: str, instances: int) -> SeriesRecord:
        return SeriesRecord(
            id=number,
            series_uid=series_uid,
            study_uid=study_uid,
            state=SeriesState.RECEIVING,
            revision=0,
            completeness=None,
            reason=None,
            remarks=(),
            instances=instances,
            duplicates=0,
            variants=0,
            first_received_at=self._now,
            last_received_at=self._now,
            touched_at=self._now,
            receiving_since=self._now,
            closed_at=None,
            version=1,
        )

    @property
    def series(self) -> list[SeriesImages]:
        """All series, in the order of their first files."""
        return list(self._images.values())

    def of_study(self, study_uid: str) -> list[SeriesRecord]:
        """Return the series of a study."""
        return [one.series for one in self._images.values() if one.series.study_uid == study_uid]

    def instances(self, series_id: int, revision: int | None = None) -> list[InstanceRecord]:
        """Return what is there of a series; no revision was frozen."""
        return [] if revision is not None else list(self._images[series_id].instances)

    def known_elsewhere(self, series_id: int) -> int:
        """Return how many images of a series have an identifier that an earlier one of another series has."""
        others = [one for images in self._images.values() for one in images.primaries if one.series_id != series_id]
        first = {one.sop_instance_uid: one.id for one in sorted(others, key=lambda one: -one.id)}
        return sum(first.get(one.sop_instance_uid, one.id) < one.id for one in self._images[series_id].primaries)

    def of_series(self, series_id: int) -> list[JobRecord]:  # noqa: ARG002 - asked as a job log is
        """Return no jobs: nothing was analysed."""
        return []

    def read(self, record: SeriesRecord) -> SeriesImages:
        """Return the images of a series."""
        return self._images[record.id]

    def path(self, digest: str) -> Path:
        """Return the file of an instance."""
        return self._paths[digest]

    def decide(self, decider: Decider) -> dict[int, Decision]:
        """Decide on every series as the assembler would, those that wait for others after these; by id."""
        decisions: dict[int, Decision] = {}
        waiting = list(self._images)
        while waiting:
            standings = dict.fromkeys(waiting, LONG_AGO)
            for number in waiting:
                decisions[number] = decider.decide(self._images[number].series, standings)
                self._settle(number, decisions[number])
            still = [number for number in waiting if isinstance(decisions[number], Wait)]
            if len(still) == len(waiting):
                break
            waiting = still
        return decisions

    def _settle(self, number: int, decision: Decision) -> None:
        if isinstance(decision, Wait):
            return
        rule = None if isinstance(decision, Unchanged) else decision.rule
        images = self._images[number]
        settled = replace(images.series, state=_STATES[type(decision)], rule=rule, version=images.series.version + 1)
        self._images[number] = replace(images, series=settled)
