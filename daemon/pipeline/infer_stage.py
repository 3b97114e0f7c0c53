"""The infer stage: one claimed job from spool files to durable results and their DELIVER jobs.

Decoding, preprocessing and the model run side by side: the first slices are scored while the last are being read. What
needs the whole volume is judged afterwards, and scores of a volume that fails it are thrown away.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.pipeline.analysis_facts import analysis_facts
from hounsfield.daemon.pipeline.destinations import requests_of
from hounsfield.daemon.pipeline.evidence import Snapshot, evidence, open_snapshot
from hounsfield.daemon.pipeline.heatmaps import Seen, explained
from hounsfield.daemon.pipeline.reporting import Reporter
from hounsfield.model.bundle import Bundle
from hounsfield.model.decoding.decoder import Decoder
from hounsfield.model.errors import PixelError, ScratchError
from hounsfield.model.explain import Explainer, Heatmap
from hounsfield.model.findings import Analysis, Rejection
from hounsfield.model.fitness import Fitness, assess
from hounsfield.model.geometry import SeriesGeometry
from hounsfield.model.manifest import Scope
from hounsfield.model.plausibility import hu_problem, phantom_content
from hounsfield.model.predictor import Predictor
from hounsfield.model.resample import plan
from hounsfield.model.series_scores import findings
from hounsfield.model.unseen import unseen_problem
from hounsfield.model.volume import Volume, VolumeReader
from hounsfield.storage.errors import StorageError
from hounsfield.storage.ports import JobStore, SeriesStore
from hounsfield.storage.records import Claim, JobRecord
from hounsfield.storage.spool_files import SpoolFiles
from hounsfield.storage.states import Completeness, Reason


@dataclass(frozen=True, slots=True)
class Served:
    """A bundle that passed its self-test, warm."""

    bundle: Bundle
    predictor: Predictor
    explainer: Explainer | None = None
    """Makes the heatmaps; None for a model that lets none be made."""


@dataclass(frozen=True, slots=True)
class _Scored:
    """An analysis, and what the model was shown for it: what a heatmap needs."""

    analysis: Analysis
    seen: Seen | None = None


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
        spool: SpoolFiles,
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
        self._decoder = Decoder(
            seconds=settings.worker.decode_timeout_seconds, memory_bytes=settings.worker.decode_memory_bytes
        )
        self._volumes = VolumeReader(
            folder=settings.storage.home / "scratch",
            decoder=self._decoder,
            most_bytes=settings.worker.scratch_bytes,
        )

    def warm_up(self) -> None:
        """Start the process that decodes, so that the first compressed series does not wait for it."""
        self._decoder.start()

    def run(self, claim: Claim, served: Served) -> bool:
        """Analyse, report and complete. Raises whatever the analysis raised; False when the claim was lost."""
        try:
            with ExitStack() as stack:
                return self._run(claim, served, stack)
        except ScratchError as error:  # no fault of the series, like every other full disk
            raise StorageError(str(error)) from error

    def _run(self, claim: Claim, served: Served, stack: ExitStack) -> bool:
        watch = _Stopwatch(lambda name, seconds: self._tell(claim, name, seconds))
        with watch.stage("preprocess"):
            snapshot = open_snapshot(self._series, self._spool, claim.job)
            fitness = assess_snapshot(snapshot, served.bundle.manifest.scope, claim.job)
            analysis, volume = self._open(snapshot, fitness, stack)
        seen: Seen | None = None
        if volume is not None and analysis is None:
            with watch.stage("infer"):
                scored = self._infer(volume, snapshot.geometry, fitness, served)
            analysis, seen = scored.analysis, scored.seen
        if analysis is None:
            raise AssertionError("neither a rejection nor a volume")
        if (
            analysis.rejection is Rejection.IMPLAUSIBLE_HU
            and volume is not None
            and self._hold(claim, analysis, volume)
        ):
            return True
        heatmaps: Mapping[int, Heatmap] = {}
        if seen is not None and served.explainer is not None:
            with watch.stage("explain"):
                heatmaps = explained(served.explainer, analysis, seen)
        with watch.stage("report"):
            shown = replace(evidence(snapshot, self._decoder, volume), heatmaps=heatmaps)
            if not self._jobs.heartbeat(claim, self._clock.now() + self._lease):
                return False  # another worker has the job
            result = self._reporter.report(claim.job, served.bundle, analysis, shown)
        if analysis.device is not None:  # the model ran
            result = replace(result, detail={**result.detail, "runtime": served.predictor.runtime_facts()})
        now = self._clock.now()
        requests = requests_of(self._settings, served.bundle.manifest, claim.job, result.outcome, now)
        facts = analysis_facts(analysis, snapshot, volume)
        publish = partial(self._reporter.publish, result.objects)
        if self._jobs.complete_infer(claim, result, requests, now, watch.seconds, facts, publish):
            return True
        self._reporter.drop(result.objects)
        return False

    def _tell(self, claim: Claim, stage: str, seconds: float) -> None:
        self._jobs.record_progress(claim, stage, seconds, self._clock.now())

    def _open(self, snapshot: Snapshot, fitness: Fitness, stack: ExitStack) -> tuple[Analysis | None, Volume | None]:
        """Begin to read a fit series, up to its first slice."""
        if fitness.rejection is not None:
            words = (fitness.words,) if fitness.words else ()
            return Analysis(rejection=fitness.rejection, remarks=(*fitness.remarks, *words)), None
        volume = None
        try:
            volume = stack.enter_context(self._volumes.open(snapshot.ordered))
            volume.first()
        except PixelError as error:
            return Analysis(rejection=error.rejection, remarks=fitness.remarks), volume
        return None, volume

    def _infer(self, volume: Volume, geometry: SeriesGeometry, fitness: Fitness, served: Served) -> _Scored:
        spacing = [header.pixel_spacing or (1.0, 1.0) for header in volume.headers]
        try:
            resampling = plan(volume.headers, geometry, served.bundle.manifest.scope)
            if resampling is None:
                answers = scores = served.predictor.analyse(volume.stream(), spacing, geometry.steps_mm)
            else:
                of_each = [spacing[number] for number in resampling.nearest]
                steps = resampling.steps_mm(geometry.steps_mm)
                answers = served.predictor.analyse(resampling.stream(volume.stream()), of_each, steps)
                scores = replace(answers, slices=resampling.to_sources(answers.slices))
            volume.load()
        except PixelError as error:
            return _Scored(Analysis(rejection=error.rejection, remarks=fitness.remarks))
        problem = hu_problem(volume.slices_hu)
        if problem is not None:
            remarks = (*fitness.remarks, problem)
            return _Scored(Analysis(rejection=Rejection.IMPLAUSIBLE_HU, remarks=remarks))
        problem = unseen_problem(served.bundle.manifest.preprocessing.steps, answers.blank)
        if problem is not None:
            return _Scored(Analysis(rejection=Rejection.COVERAGE, remarks=(*fitness.remarks, problem)))
        images = [(header.sop_instance_uid, header.frame) for header in volume.headers]
        found = findings(served.bundle, images, scores)
        return _Scored(
            Analysis(findings=found, remarks=fitness.remarks, device=served.predictor.device),
            Seen(volume.slices_hu, spacing, resampling, answers, served.bundle.manifest.input.neighbours),
        )

    def _hold(self, claim: Claim, analysis: Analysis, volume: Volume) -> bool:
        """Hold the series for a person, unless the site does not want that or a person has already released it."""
        if self._settings.assembly.implausible_hu != "hold":
            return False
        reason = Reason.PHANTOM if phantom_content(volume.slices_hu) else Reason.IMPLAUSIBLE_HU
        series = self._series.get(claim.job.series_id)
        if series is None or reason in series.waived:
            return False
        # False where a new image came meanwhile: then this revision is answered, and the next one held.
        return self._series.hold_claimed(claim, reason, self._clock.now(), analysis.remarks)


def assess_snapshot(snapshot: Snapshot, scope: Scope, job: JobRecord) -> Fitness:
    """The safety gate: what the model must not see is answered with a coded reason, never with a score."""
    reasons = snapshot.verdict.reasons
    sparse = Reason.SPARSE in reasons and not scope.allow_sparse
    if snapshot.verdict.completeness is Completeness.INCOMPLETE or sparse:
        return _refused(Rejection.INCOMPLETE)
    if snapshot.unreadable:
        return _refused(Rejection.UNREADABLE, snapshot.remarks)
    if snapshot.ambiguous:
        words = "The reconstruction that was chosen is not found among the images of the series."
        return _refused(Rejection.AMBIGUOUS_GEOMETRY, (words,))
    return assess(snapshot.headers, snapshot.geometry, scope, wanted_by_rule=job.rule is not None)


def _refused(rejection: Rejection, remarks: Sequence[str] = ()) -> Fitness:
    return Fitness(rejection=rejection, words="", remarks=tuple(remarks))
