"""Everything behind the receiver on one home: made images go in by associations, time passes when told, and what the
reports say is compared with what was sent.

The model reads its answer out of the pixels (:class:`LesionReader`), so that a report about a wrong slice is seen.
"""

import functools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian
from support.bench import LOOPBACK_PACS, Bench, bundle_fields
from support.ct_factory import write
from support.datasets import dataset_bytes, encoded
from support.predictors import SliceScorer
from support.recording import end_association, open_association, register
from support.series_cases.heads import FLAGGED, UNFLAGGED
from support.series_cases.said import Key, Said, Shown, contradictions, raw
from support.spooling import sealed_in

from hounsfield.daemon.query.series_counts import SeriesCounts
from hounsfield.daemon.reception.contexts import role_of
from hounsfield.daemon.reception.dataset_check import identify
from hounsfield.storage.engine import open_database
from hounsfield.storage.records import AssociationRecord, InstanceReceipt, JobRecord, SeriesRecord
from hounsfield.storage.spool import Provenance
from hounsfield.storage.states import AssociationEnding, InstanceRole, JobKind

_TICK = 10.0


class Model(Protocol):
    """What stands in the place of a predictor."""

    device: str

    def score(self, hu_slices: Sequence[np.ndarray], spacing_mm: Sequence[tuple[float, float]]) -> np.ndarray:
        """Answer for each slice, float32 (slices, 1)."""


class LesionReader(SliceScorer):
    """Scores a slice high where more than one pixel in fifty is brighter than brain and darker than bone."""

    def score(self, hu_slices: Sequence[np.ndarray], spacing_mm: Sequence[tuple[float, float]]) -> np.ndarray:
        shares = [float(np.mean((hu > 55.0) & (hu < 90.0))) for hu, _ in zip(hu_slices, spacing_mm, strict=True)]
        return np.array([[FLAGGED if share > 0.02 else UNFLAGGED] for share in shares], np.float32).reshape(-1, 1)


class _Interrupted(SliceScorer):
    """A model during whose first answer something happens."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.device = model.device
        self.meanwhile: Callable[[], None] = lambda: None

    def score(self, hu_slices: Sequence[np.ndarray], spacing_mm: Sequence[tuple[float, float]]) -> np.ndarray:
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return self._model.score(hu_slices, spacing_mm)


def manifest(**scope: Any) -> dict[str, Any]:
    """Return a head CT bundle whose series score is that of its highest slice; ``preference`` is a table of its own."""
    fields = bundle_fields()
    preference = scope.pop("preference", None)
    fields["output"] = {**fields["output"], "aggregation": "max"}
    fields["scope"] = {**fields["scope"], "slices": [8, 40], **scope}
    return {**fields, **({"preference": preference} if preference else {})}


@functools.cache
def _empty_database() -> bytes:
    """Return a database without a row: upgrading one takes longer than a case."""
    with tempfile.TemporaryDirectory() as folder:
        open_database(None, Path(folder)).close()
        return (Path(folder) / "hounsfield.db").read_bytes()


@dataclass
class Ward:
    """One home with its assembler, worker and rescuer."""

    folder: Path
    scope: Mapping[str, Any] | None = field(default_factory=dict)
    """Changes of the bundle's scope; None: the demonstration bundle, with its own model."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    destinations: Sequence[Mapping[str, object]] = (LOOPBACK_PACS,)
    model: Model = field(default_factory=LesionReader)

    def __post_init__(self) -> None:
        home = self.folder / "home"
        home.mkdir(mode=0o700)
        (home / "hounsfield.db").write_bytes(_empty_database())
        self._model = _Interrupted(self.model)
        self._start(self._bench(self.configuration))
        self.sent: dict[Key, list[Shown]] = {}
        self._said: dict[Path, Said] = {}
        self._associations = 0

    def _bench(self, configuration: Mapping[str, Any], **more: Any) -> Bench:
        return Bench(
            self.folder / "home",
            [dict(one) for one in self.destinations],
            more={**configuration, "assembly": {"released_seconds": 5.0, **configuration.get("assembly", {})}},
            manifest=None if self.scope is None else manifest(**self.scope),
            **more,
        )

    def _start(self, bench: Bench) -> None:
        self.bench = bench
        self.worker = bench.app.worker() if self.scope is None else bench.worker_with(self._model)
        self._intake = bench.app.spool.open_intake("receiver-1")

    def reconfigure(self, **configuration: Any) -> None:
        """Stop, and start again with another configuration on the same home."""
        clock = self.bench.clock
        self.close()
        self._start(self._bench({**self.configuration, **configuration}, clock=clock))

    def ask(self, archive: SeriesCounts) -> None:
        """Give the assembler an archive to ask for the number of images."""
        self.bench.app.__dict__["series_counts"] = archive  # in the place of what the cached property would build
        self.bench.assembler = self.bench.app.assembler()

    def close(self) -> None:
        self._intake.close()
        self.bench.app.database.close()

    def send(
        self,
        images: Sequence[Dataset],
        *,
        ending: AssociationEnding = AssociationEnding.RELEASED,
        syntax: str = ExplicitVRLittleEndian,
        calling_ae: str = "CT1",
    ) -> None:
        """Store images over one association, in their order."""
        association = self.call(calling_ae)
        receipts = [self._sealed(image, association, syntax, calling_ae) for image in images]
        self.bench.app.database.series.record([], receipts, [])
        if ending is not AssociationEnding.OPEN:
            self.end(association, ending)

    def call(self, calling_ae: str = "CT1") -> str:
        """Open an association; return its id."""
        self._associations += 1
        record = AssociationRecord(
            id=f"association-{self._associations}",
            receiver="receiver-1",
            calling_ae=calling_ae,
            called_ae="HOUNSFIELD",
            peer_address="127.0.0.1",
            opened_at=self.bench.clock.now(),
        )
        open_association(self.bench.app.database.series, record)
        return record.id

    def end(self, association: str, ending: AssociationEnding = AssociationEnding.RELEASED) -> None:
        end_association(self.bench.app.database.series, association, ending, self.bench.clock.now())

    def store(
        self, image: Dataset, association: str, *, syntax: str = ExplicitVRLittleEndian, calling_ae: str = "CT1"
    ) -> None:
        """Store one image as a receiver does: it is identified by its data set and gets its role."""
        register(self.bench.app.database.series, self._sealed(image, association, syntax, calling_ae))

    def _sealed(self, image: Dataset, association: str, syntax: str, calling_ae: str) -> InstanceReceipt:
        content, syntax = self._encoded(image, syntax)
        self._remember(image, getattr(image, "scores", (None,)))
        return self._durable(content, syntax, association, calling_ae)

    def _encoded(self, image: Dataset, syntax: str) -> tuple[bytes, str]:
        if hasattr(image, "file_meta"):  # it is encapsulated already
            path = self.folder / "encapsulated.dcm"
            deepcopy(image).save_as(path, enforce_file_format=True)
            return dataset_bytes(path), str(image.file_meta.TransferSyntaxUID)
        if syntax == ExplicitVRLittleEndian:
            return encoded(image), syntax
        return dataset_bytes(write(image, self.folder / "compressed.dcm", syntax=syntax)), syntax

    def store_file(self, path: Path, association: str, *, calling_ae: str = "CT1") -> None:
        """Store a Part 10 file."""
        image = dcmread(path, stop_before_pixels=True)
        syntax = str(image.file_meta.TransferSyntaxUID)
        register(self.bench.app.database.series, self._durable(dataset_bytes(path), syntax, association, calling_ae))
        self._remember(image, (None,) * int(image.get("NumberOfFrames") or 1))

    def _durable(self, content: bytes, syntax: str, association: str, calling_ae: str) -> InstanceReceipt:
        app = self.bench.app
        identity = identify(content, syntax)
        own = identity.is_marked_ours or app.database.jobs.is_own_result(identity.sop_instance_uid)
        provenance = Provenance(
            sop_instance_uid=identity.sop_instance_uid,
            sop_class_uid=identity.sop_class_uid,
            series_uid=identity.series_uid,
            study_uid=identity.study_uid,
            transfer_syntax=syntax,
            role=InstanceRole.OWN_RESULT if own else role_of(identity.sop_class_uid),
            calling_ae=calling_ae,
            called_ae="HOUNSFIELD",
            peer_address="127.0.0.1",
            association_id=association,
            receiver="receiver-1",
            received_at=self.bench.clock.now(),
        )
        sealed = sealed_in(self._intake, provenance, content)
        self._intake.file(sealed)
        self._intake.settle([sealed])
        return sealed.receipt

    def _remember(self, image: Dataset, scores: Sequence[float | None]) -> None:
        for number, score in enumerate(scores, start=1):
            key = (str(image.SOPInstanceUID), number if "NumberOfFrames" in image else None)
            shown = Shown(
                patient_id=raw(image, "PatientID"),
                study_uid=str(image.StudyInstanceUID),
                series_uid=str(image.SeriesInstanceUID),
                score=score,
            )
            self.sent.setdefault(key, []).append(shown)

    def settle(self, seconds: float = 300.0) -> None:
        """Let time pass, and decide every few seconds as long as there is something to decide."""
        while seconds > 0:
            is_open = bool(self.bench.app.database.series.receiving())
            step = min(seconds, _TICK) if is_open else seconds
            self.bench.settle(step)
            seconds -= step

    def work(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Work off every job there is; ``meanwhile`` happens while the model runs."""
        self._model.meanwhile = meanwhile
        while self.worker.work_one():
            pass

    def through(self, seconds: float = 300.0) -> None:
        """Decide and work, until nothing is left: what a worker finds may be decided on again."""
        self.settle(seconds)
        self.work()
        self.settle(seconds)
        self.work()

    def series(self) -> list[SeriesRecord]:
        return self.bench.series()

    def jobs(self, kind: JobKind = JobKind.INFER) -> list[JobRecord]:
        return self.bench.jobs(kind)

    def jobs_of(self, series: SeriesRecord) -> list[JobRecord]:
        return [job for job in self.jobs() if job.series_id == series.id]

    def report_of(self, job: JobRecord) -> Said | None:
        """Return what the structured report of an INFER job says, None if it has none."""
        files = self.files_of(job)
        if not files:
            return None
        if files[0] not in self._said:
            self._said[files[0]] = Said.read(files[0])
        return self._said[files[0]]

    def files_of(self, job: JobRecord) -> list[Path]:
        """Return the result files of an INFER job, the report first."""
        result = self.bench.app.database.jobs.result_set(job.result_set_id or 0)
        objects = () if result is None else sorted(result.objects, key=lambda one: one.role != "sr")
        return [self.bench.app.files.path(one.sop_instance_uid) for one in objects]

    def reports(self) -> list[Said]:
        """Return what the reports say, oldest job first."""
        return [said for job in self.jobs() if (said := self.report_of(job)) is not None]

    def results(self) -> list[Path]:
        """Return every result file."""
        return sorted(self.bench.app.files.folder.glob("*.dcm"))

    def untrue(self) -> list[str]:
        """Return every sentence of a report that contradicts what was sent."""
        return [words for said in self.reports() for words in contradictions(said, self.sent)]
