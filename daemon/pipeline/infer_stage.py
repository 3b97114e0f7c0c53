"""The infer stage: one claimed job from spool files to durable results and their DELIVER jobs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.pipeline.destinations import deliveries
from hounsfield.daemon.pipeline.evidence import Snapshot, evidence, open_snapshot
from hounsfield.daemon.pipeline.reporting import Reporter
from hounsfield.model.bundle import Bundle
from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Analysis, Rejection
from hounsfield.model.fitness import assess, hu_plausible
from hounsfield.model.predictor import Predictor, find
from hounsfield.model.volume import Volume, load
from hounsfield.storage.ports import JobStore, SeriesStore
from hounsfield.storage.records import Claim
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import Completeness, Reason


@dataclass(frozen=True, slots=True)
class Served:
    """A bundle that passed its self-test, warm."""

    bundle: Bundle
    predictor: Predictor


@dataclass
class _Stopwatch:
    """Seconds per stage of one attempt, each also told to the job log as it ends."""

    tell: Callable[[str, float], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 4)
        self.tell(name, self.seconds[name])


class InferStage:
    """Runs in the worker process, the only one with TensorFlow in it."""

    def __init__(
        self,
        *,
        settings: Settings,
        series: SeriesStore,
        jobs: JobStore,
        spool: Spool,
        reporter: Reporter,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._series = series
        self._jobs = jobs
        self._spool = spool
        self._reporter = reporter
        self._clock = clock
        self._lease = timedelta(seconds=settings.worker.lease_seconds)

    def run(self, claim: Claim, served: Served) -> bool:
        """Analyse, report and complete. Raises whatever the analysis raised; False when the claim was lost."""
        watch = _Stopwatch(lambda name, seconds: self._tell(claim, name, seconds))
        with watch.stage("preprocess"):
            snapshot = open_snapshot(self._series, self._spool, claim.job)
            analysis, volume = self._gate(snapshot, served.bundle)
        if analysis is None and volume is not None:
            with watch.stage("infer"):
                analysis = self._infer(volume, snapshot, served)
        if analysis is None:
            raise AssertionError("neither a rejection nor a volume")
        with watch.stage("report"):
            slices = volume.slices_hu if volume is not None else ()
            shown = evidence(snapshot, slices)
            if not self._jobs.heartbeat(claim, self._clock.now() + self._lease):
                return False  # another worker has the job, and its files must not be touched
            result = self._reporter.report(claim.job, served.bundle, analysis, shown)
        now = self._clock.now()
        requests = deliveries(self._settings.destination, served.bundle.manifest, result.outcome, now)
        return self._jobs.complete_infer(claim, result, requests, now, watch.seconds)

    def _tell(self, claim: Claim, stage: str, seconds: float) -> None:
        self._jobs.record_progress(claim, stage, seconds, self._clock.now())

    def _gate(self, snapshot: Snapshot, bundle: Bundle) -> tuple[Analysis | None, Volume | None]:
        """The safety gate: what the model must not see is answered with a coded reason, never with a score."""
        scope = bundle.manifest.scope
        verdict = snapshot.verdict
        if verdict.completeness is Completeness.INCOMPLETE:
            return Analysis(rejection=Rejection.INCOMPLETE), None
        if Reason.SPARSE in verdict.reasons and not scope.allow_sparse:
            return Analysis(rejection=Rejection.INCOMPLETE), None
        if snapshot.unreadable:
            return Analysis(rejection=Rejection.UNREADABLE, remarks=snapshot.remarks), None
        fitness = assess(snapshot.headers, snapshot.geometry, scope)
        if fitness.rejection is not None:
            return Analysis(rejection=fitness.rejection, remarks=(*fitness.remarks, fitness.words)), None
        try:
            volume = load(snapshot.headers, snapshot.geometry)
        except PixelError as error:
            return Analysis(rejection=error.rejection, remarks=fitness.remarks), None
        if not hu_plausible(volume.slices_hu):
            return Analysis(rejection=Rejection.IMPLAUSIBLE_HU, remarks=fitness.remarks), volume
        return None, volume

    def _infer(self, volume: Volume, snapshot: Snapshot, served: Served) -> Analysis:
        spacing = [header.pixel_spacing or (1.0, 1.0) for header in volume.headers]
        scores: np.ndarray = served.predictor.score(volume.slices_hu, spacing)
        uids = [header.sop_instance_uid for header in volume.headers]
        fitness = assess(snapshot.headers, snapshot.geometry, served.bundle.manifest.scope)
        return Analysis(
            finding=find(served.bundle, uids, scores),
            remarks=fitness.remarks,
            device=served.predictor.device,
        )
