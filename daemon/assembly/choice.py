"""Which reconstructions of a series are analysed: all of them, or those that are the best of their study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hounsfield.daemon.assembly.candidates import Candidate, Examiner, Option
from hounsfield.daemon.assembly.completeness import Evidence
from hounsfield.daemon.assembly.decision import SOON, Skip, Wait
from hounsfield.daemon.assembly.evidence import EvidenceGatherer
from hounsfield.daemon.assembly.images import SeriesImages
from hounsfield.daemon.assembly.quiet import Quiet
from hounsfield.daemon.assembly.sources import JobLog
from hounsfield.daemon.assembly.study import Study
from hounsfield.daemon.assembly.timing import Timing
from hounsfield.daemon.config.assembly import AssemblySettings
from hounsfield.daemon.config.rules import Rule
from hounsfield.model.bundle import Bundle
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.records import SeriesRecord
from hounsfield.storage.states import FAULTS_OF_THE_MODEL, JobKind, Outcome, Reason, SeriesState


class Chooser:
    """Compares a series with its rivals under the same rule. Reads only."""

    def __init__(
        self, *, examiner: Examiner, gatherer: EvidenceGatherer, jobs: JobLog, settings: AssemblySettings
    ) -> None:
        self._examiner = examiner
        self._gatherer = gatherer
        self._jobs = jobs
        self._settings = settings

    def choose(
        self, candidate: Candidate, rule: Rule, study: Study, standings: Mapping[int, Quiet]
    ) -> tuple[Option, ...] | Wait | Skip:
        """Return what is to be analysed of a candidate, or what becomes of the series where nothing is, yet or ever."""
        if rule.per_study == "all":
            return candidate.options
        timing = Timing.of(rule, self._settings)
        standing = standings[candidate.images.series.id]
        if not timing.is_too_old(standing):
            if standing.quiet < timing.wait:
                return Wait(seconds=timing.wait - standing.quiet, why="better series of the study")
            patience = max(timing.wait, timing.incomplete_wait) - standing.quiet
            if patience > 0 and study.is_moving(standings, timing):
                return Wait(seconds=min(patience, SOON), why="other series of the study that the rule takes")
        rivals = self._rivals(study.settled_rivals(standings, timing), rule, standings)
        return rivals if isinstance(rivals, Wait) else _best_of(candidate, rivals, rule)

    def _rivals(
        self, settled: Sequence[SeriesImages], rule: Rule, standings: Mapping[int, Quiet]
    ) -> "list[_Rival] | Wait":
        rivals: list[_Rival] = []
        for images in settled:
            evidence = self._gatherer.gather(images, rule, standings.get(images.series.id))
            if isinstance(evidence, Wait):
                return evidence
            candidate = self._examine(images, rule, evidence)
            if candidate is not None:
                rivals.append(_Rival(candidate, self._came_to_nothing(images.series)))
        return rivals

    def _examine(self, images: SeriesImages, rule: Rule, evidence: Evidence) -> Candidate | None:
        """A series that cannot be judged does not take the others with it: it fails, and is held, on its own turn."""
        try:
            return self._examiner.examine(images, rule, evidence)
        except DatabaseUnavailable:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it is the other series' trouble
            return None

    def _came_to_nothing(self, record: SeriesRecord) -> bool:
        """Whether a series was closed and then could not be analysed: the next best one may have its place."""
        if record.state is not SeriesState.CLOSED:
            return False
        analyses = [
            job
            for job in self._jobs.of_series(record.id)
            if job.kind is JobKind.INFER and job.revision == record.revision
        ]
        return bool(analyses) and all(
            job.outcome is Outcome.NOT_ANALYSED and job.reason not in FAULTS_OF_THE_MODEL for job in analyses
        )


@dataclass(frozen=True, slots=True)
class _Rival:
    """Another series of the study that the rule takes."""

    candidate: Candidate
    came_to_nothing: bool

    def beats(self, own: Option | None, bundle: Bundle) -> bool:
        """Whether it has an option for the bundle that is better, and that did not fail while ours is fit."""
        best = self.candidate.best(bundle)
        if best is None or own is None:
            return best is not None
        return best.rank < own.rank and not (self.came_to_nothing and not own.rank.unfit)


def _best_of(candidate: Candidate, rivals: Sequence[_Rival], rule: Rule) -> tuple[Option, ...] | Wait | Skip:
    best: list[Option] = []
    beaten_by_open = False
    for bundle in {option.bundle.sha256: option.bundle for option in candidate.options}.values():
        own = candidate.best(bundle)
        better = [rival for rival in rivals if rival.beats(own, bundle)]
        if own is not None and not better:
            best.append(own)
        beaten_by_open |= any(rival.candidate.images.series.state is SeriesState.RECEIVING for rival in better)
    if best:
        return tuple(best)
    if beaten_by_open:  # skipped only when the better one is really analysed: it may yet be held
        return Wait(seconds=SOON / 4, why="a better series of the study, which is decided on first")
    words = "The rule takes the best series of a study, and another one was analysed."
    return Skip(reason=Reason.ANOTHER_SERIES, rule=rule.name, remarks=(words,))
