"""The daemon's parts behind the receiver on a real SQLite home, with time in our hands and a model of our choosing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from support.bundles import keras_archive, manifest_fields
from support.datasets import dataset_bytes
from support.fakes import ManualClock
from support.predictors import SliceScorer
from support.recording import end_association, open_association, register
from support.spooling import spooled

from hounsfield.daemon.app import Application
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.pipeline.infer_stage import InferStage, Served
from hounsfield.daemon.pipeline.leases import LeaseKeeper
from hounsfield.daemon.pipeline.serving import Models, NotServed
from hounsfield.daemon.pipeline.serving_notes import ServingNotes
from hounsfield.daemon.pipeline.worker import Worker
from hounsfield.model.bundle import write_bundle
from hounsfield.model.explain import Explainer
from hounsfield.storage.records import AssociationRecord, Claim, JobFilter, JobRecord, SeriesRecord
from hounsfield.storage.spool import Provenance
from hounsfield.storage.states import AssociationEnding, InstanceRole, JobKind, Reason

LOOPBACK_PACS = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 4242}


def bundle_fields() -> dict[str, Any]:
    """A head CT bundle whose model is never loaded."""
    fields = manifest_fields()
    del fields["golden"]
    fields["scope"] = {
        "modality": ["CT"],
        "body_part": "(?i)^head",
        "description": "(?i)head",
        "slices": [8, 600],
    }
    return fields


def never(status: int) -> None:
    raise AssertionError(f"the process would have ended with {status}")


class FixedPredictor(SliceScorer):
    """Scores every slice alike; a callable in place of the score may raise what a model might."""

    def __init__(self, score: float | Callable[[], float]) -> None:
        self._score = score

    def score(self, hu_slices: Sequence[np.ndarray], spacing_mm: Sequence[tuple[float, float]]) -> np.ndarray:
        value = self._score() if callable(self._score) else self._score
        return np.full((len(list(hu_slices)), 1), value, np.float32)


@dataclass
class FixedModels:
    """Models that are loaded; all others are gone."""

    loaded: Mapping[str, Served]

    def get(self, sha256: str, attempt: int) -> Served:
        if sha256 not in self.loaded:
            raise NotServed(Reason.BUNDLE_GONE, "not loaded")
        return self.loaded[sha256]

    def refresh(self) -> None:
        pass


@dataclass
class Bench:
    """Receives by hand, then ticks assembler, worker and rescuer."""

    home: Path
    destinations: Sequence[dict[str, object]] = (LOOPBACK_PACS,)
    clock: ManualClock = field(default_factory=ManualClock)
    more: dict[str, Any] = field(default_factory=dict)
    """Further sections of the configuration. A release does not shorten the quiet period unless it says so."""
    manifest: Mapping[str, Any] | None = field(default_factory=bundle_fields)
    """Of the bundle; None: the demonstration bundle."""

    def __post_init__(self) -> None:
        folder = self.home.with_name("bundle")
        if self.manifest is not None and not folder.exists():
            write_bundle(folder, dict(self.manifest), {"model.keras": keras_archive()})
        settings = Settings(
            storage={"home": self.home},
            destination=list(self.destinations),
            bundle=[] if self.manifest is None else [{"path": str(folder)}],
            **{**self.more, "assembly": {"released_seconds": 10.0, **self.more.get("assembly", {})}},
        )
        self.app = Application(settings, self.clock)
        self.app.spool.prepare()
        self.assembler = self.app.assembler()
        self.rescuer = self.app.rescuer()
        self._associations = 0

    def receive(self, files: Sequence[Path], ending: AssociationEnding = AssociationEnding.RELEASED) -> str:
        """Store files as one association would; return its id."""
        self._associations += 1
        association = f"association-{self._associations}"
        open_association(
            self.app.database.series,
            AssociationRecord(
                id=association,
                receiver="receiver-1",
                calling_ae="CT",
                called_ae="HOUNSFIELD",
                peer_address="127.0.0.1",
                opened_at=self.clock.now(),
            ),
        )
        for path in files:
            self._store(path, association)
        if ending is not AssociationEnding.OPEN:
            end_association(self.app.database.series, association, ending, self.clock.now())
        return association

    def _store(self, path: Path, association: str) -> None:
        header = dcmread(path, stop_before_pixels=True)
        role = InstanceRole.SOURCE if header.Modality == "CT" else InstanceRole.COMPANION
        provenance = Provenance(
            sop_instance_uid=str(header.SOPInstanceUID),
            sop_class_uid=str(header.SOPClassUID),
            series_uid=str(header.SeriesInstanceUID),
            study_uid=str(header.StudyInstanceUID),
            transfer_syntax=str(header.file_meta.TransferSyntaxUID),
            role=role,
            calling_ae="CT",
            called_ae="HOUNSFIELD",
            peer_address="127.0.0.1",
            association_id=association,
            receiver="receiver-1",
            received_at=self.clock.now(),
        )
        digest = spooled(self.app.spool, provenance, dataset_bytes(path))
        register(self.app.database.series, self.app.spool.head(digest).receipt)

    def settle(self, seconds: float = 3600.0) -> None:
        """Let the quiet period (and the wait for missing slices) pass and decide."""
        self.clock.advance(seconds)
        self.assembler.tick()

    def worker(self, score: float | Callable[[], float], *, known: bool = True) -> Worker:
        """A worker whose model answers ``score``; with ``known`` False it serves no bundle at all."""
        return self.worker_with(FixedPredictor(score), known=known)

    def worker_with(
        self,
        predictor: object,
        *,
        known: bool = True,
        explainer: Explainer | None = None,
        models: Models | None = None,
        leave: Callable[[int], object] = never,
    ) -> Worker:
        """A worker with a model of the caller's, or with several; ``leave`` is what it does in place of ending."""
        bundle = self.app.shelf.bundles[0]
        stage = InferStage(
            settings=self.app.settings,
            series=self.app.database.series,
            jobs=self.app.database.jobs,
            spool=self.app.spool,
            reporter=self.app.reporter(),
            clock=self.clock,
        )
        return Worker(
            name="worker-1",
            jobs=self.app.database.jobs,
            stage=stage,
            rescuer=self.rescuer,
            keeper=self.keeper(),
            clock=self.clock,
            models=models or FixedModels({bundle.sha256: Served(bundle, predictor, explainer)} if known else {}),  # type: ignore[arg-type]
            notes=ServingNotes(self.app.home),
            lines=self.app.job_lines,
            leave=leave,
        )

    def keeper(self, overdue: Callable[[Claim], object] = lambda _: None) -> LeaseKeeper:
        jobs = self.app.database.jobs
        return LeaseKeeper(jobs, self.clock, lease_seconds=60.0, timeout_seconds=600.0, overdue=overdue)

    def series(self) -> list[SeriesRecord]:
        return self.app.database.series.page()

    def jobs(self, kind: JobKind = JobKind.INFER) -> list[JobRecord]:
        return self.app.database.jobs.page(JobFilter(kind=kind))
