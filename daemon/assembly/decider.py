"""Decides what becomes of a series, from what the spool and the database hold. Reads only; changes nothing.

The order of the questions is the order of safety: whether it is quiet, copies that contradict each other, two patients,
what the rules say, what no model may see, other series of the study, completeness.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hounsfield.daemon.assembly.analyses import is_answered, request_of
from hounsfield.daemon.assembly.candidates import Candidate, Examiner, Option
from hounsfield.daemon.assembly.choice import Chooser
from hounsfield.daemon.assembly.decision import SOON, Close, Decision, Hold, Skip, Unchanged, Wait
from hounsfield.daemon.assembly.evidence import EvidenceGatherer
from hounsfield.daemon.assembly.identities import IdentityReader
from hounsfield.daemon.assembly.images import SeriesImages
from hounsfield.daemon.assembly.quiet import Quiet
from hounsfield.daemon.assembly.rules import RuleBook
from hounsfield.daemon.assembly.sources import JobLog, Paths, Reader, Studies
from hounsfield.daemon.assembly.study import Study
from hounsfield.daemon.assembly.timing import Timing
from hounsfield.daemon.config.assembly import AssemblySettings
from hounsfield.daemon.config.rules import Rule
from hounsfield.daemon.errors import IdentityUnavailable
from hounsfield.daemon.query.series_counts import SeriesCounts
from hounsfield.model.scope import is_phantom
from hounsfield.storage.records import SeriesRecord
from hounsfield.storage.states import (
    Completeness,
    InstanceRole,
    Reason,
)


class Decider:
    """Answers what shall become of a series."""

    def __init__(
        self,
        *,
        series: Studies,
        jobs: JobLog,
        reader: Reader,
        book: RuleBook,
        examiner: Examiner,
        counts: SeriesCounts,
        identities: IdentityReader,
        spool: Paths,
        settings: AssemblySettings,
        max_attempts: int,
    ) -> None:
        self._series = series
        self._jobs = jobs
        self._reader = reader
        self._book = book
        self._without_holds = book.without_holds()
        self._examiner = examiner
        self._gatherer = EvidenceGatherer(counts, settings)
        self._chooser = Chooser(examiner=examiner, gatherer=self._gatherer, jobs=jobs, settings=settings)
        self._identities = identities
        self._spool = spool
        self._settings = settings
        self._max_attempts = max_attempts

    def decide(self, record: SeriesRecord, standings: Mapping[int, Quiet]) -> Decision:
        """Return what to do with a RECEIVING series; ``standings`` are those of all open series, by id."""
        images = self._reader.read(record)
        if not images.sources:
            own = any(one.role is InstanceRole.OWN_RESULT for one in images.instances)
            return Skip(reason=Reason.OWN_RESULT if own else Reason.NOT_AN_IMAGE)
        standing = standings[record.id]
        rule = self._rule(images)
        timing = Timing.of(rule or RuleBook.IMPLICIT, self._settings)
        left = timing.until_quiet(standing, images.associations)
        if left > 0 and not timing.is_too_old(standing):
            return Wait(seconds=left, why="its quiet period")
        return _after_removal(images) or self._contradiction(images) or self._by_rule(images, rule, standings)

    def _rule(self, images: SeriesImages) -> Rule | None:
        """The first rule that matches; one that says hold is passed over once a person has released the series."""
        released = Reason.RULE in images.series.waived
        return (self._without_holds if released else self._book).match(images.facts).rule

    def _contradiction(self, images: SeriesImages) -> Decision | None:
        """What forbids any result, or needs none: copies that differ, two patients, nothing new."""
        record = images.series
        if Reason.CONFLICT not in record.waived and self._conflicts(images):
            return Hold(reason=Reason.CONFLICT)
        if record.revision > 0 and not any(one.is_primary and one.revision == 0 for one in images.sources):
            return Unchanged(variants=tuple(one.id for one in images.instances if one.revision == 0))
        if not images.headers:
            return Hold(reason=Reason.UNREADABLE)
        two_patients, two_studies = images.mixed
        if two_patients or two_studies:
            return Hold(reason=Reason.TWO_PATIENTS if two_patients else Reason.TWO_STUDIES)
        return None

    def _conflicts(self, images: SeriesImages) -> bool:
        """Whether a SOP Instance UID stands for more than one image: copies are compared by analysis identity."""
        if self._series.known_elsewhere(images.series.id):
            return True  # an identifier that came before with another series
        variants = images.new_variants
        if not variants:
            return False
        first = {one.sop_instance_uid: one for one in images.primaries}
        if any(one.sop_instance_uid not in first for one in variants):
            return True  # the UID came first with something that is no image
        path = self._spool.path
        pairs = [(path(one.digest), path(first[one.sop_instance_uid].digest)) for one in variants]
        try:
            found = self._identities.read(sorted({path for pair in pairs for path in pair}))
        except IdentityUnavailable:
            return True  # what cannot be compared is not known to be the same
        return any(found[a].identity != found[b].identity for a, b in pairs)

    def _by_rule(self, images: SeriesImages, rule: Rule | None, standings: Mapping[int, Quiet]) -> Decision:
        if rule is None:
            return Skip(reason=Reason.NO_RULE)
        if rule.skip:
            return Skip(reason=Reason.RULE, rule=rule.name)
        if rule.hold:
            return Hold(reason=Reason.RULE, rule=rule.name)
        if Reason.PHANTOM not in images.series.waived and any(is_phantom(header) for header in images.headers):
            held = self._settings.phantom == "hold"
            return Hold(reason=Reason.PHANTOM, rule=rule.name) if held else Skip(reason=Reason.PHANTOM, rule=rule.name)
        study = Study(images, rule, self._series.of_study(images.series.study_uid), self._reader, self._rule)
        return self._analyse(images, rule, study, standings)

    def _analyse(self, images: SeriesImages, rule: Rule, study: Study, standings: Mapping[int, Quiet]) -> Decision:
        standing = standings[images.series.id]
        evidence = self._gatherer.gather(images, rule, standing)
        if isinstance(evidence, Wait):
            return evidence
        candidate = self._examiner.examine(images, rule, evidence)
        if candidate.skipped is not None:
            return Skip(reason=candidate.skipped, rule=rule.name)
        if candidate.held is not None:
            return Hold(reason=candidate.held, rule=rule.name)
        if not candidate.options:
            return Skip(reason=Reason.IMAGE_TYPE, rule=rule.name)
        timing = Timing.of(rule, self._settings)
        missing = study.missing(standings, timing)
        if missing and standing.age < timing.force:
            return Wait(seconds=min(timing.force - standing.age, SOON), why="other series that its rule requires")
        if missing:
            evidence = replace(evidence, missing_series=missing)
            candidate = self._examiner.examine(images, rule, evidence)
        options = self._chooser.choose(candidate, rule, study, standings)
        if isinstance(options, Wait | Skip):
            return options
        return self._close(candidate, rule, options, standing)

    def _close(self, candidate: Candidate, rule: Rule, options: Sequence[Option], standing: Quiet) -> Decision:
        images = candidate.images
        record, waived = images.series, images.series.waived
        options = [one for one in options if not is_answered(images, one, self._series, self._jobs)]
        if not options:
            return Unchanged(variants=tuple(one.id for one in images.instances if one.revision == 0))
        if record.revision >= self._settings.max_revisions and Reason.TOO_MANY_REVISIONS not in waived:
            return Hold(reason=Reason.TOO_MANY_REVISIONS, rule=rule.name)
        verdicts = [option.reconstruction.verdict for option in options]
        worst = next((one for one in verdicts if one.completeness is Completeness.INCOMPLETE), verdicts[0])
        if worst.completeness is Completeness.INCOMPLETE:
            wait = Timing.of(rule, self._settings).incomplete_wait - standing.quiet
            if wait > 0:
                return Wait(seconds=wait, why="missing slices")
            if (rule.incomplete or self._settings.incomplete) == "hold" and Reason.INCOMPLETE not in waived:
                return Hold(reason=Reason.INCOMPLETE, rule=rule.name, remarks=worst.remarks)
        return Close(
            snapshot=tuple(one.id for one in images.primaries if one.id not in candidate.twins),
            verdict=worst,
            requests=tuple(request_of(images, rule, option, self._max_attempts) for option in options),
            variants=(*(one.id for one in images.new_variants), *sorted(candidate.twins)),
            rule=rule.name,
        )


def _after_removal(images: SeriesImages) -> Decision | None:
    """What becomes of a series of whose images some were removed after their time; None where all are here.

    A PACS that sends an old study again starts no analysis, whatever it has changed in its headers: copies are known
    by their SOP Instance UIDs. An image that is new needs a person, since the others can no longer be analysed with it.
    """
    if not images.gone:
        return None
    if images.series.revision == 0:
        return Skip(reason=Reason.IMAGES_REMOVED)
    if any(one.is_primary and one.revision == 0 for one in images.sources):
        words = f"{len(images.gone)} of its images were removed after their time, and an image that was not there came."
        return Hold(reason=Reason.IMAGES_REMOVED, remarks=(words,))
    return Unchanged(variants=tuple(one.id for one in images.instances if one.revision == 0))
