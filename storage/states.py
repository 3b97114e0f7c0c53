"""The words of the job log: states, reasons and the tables of transitions. Pure: no database here.

A job's state changes only through :data:`TRANSITIONS`, a series' state only as :data:`SERIES_TRANSITIONS` says; every
change is stored with its event in one transaction (see ``hounsfield.storage.job_store``).
"""

from enum import StrEnum


class SeriesState(StrEnum):
    """What has become of a series."""

    RECEIVING = "RECEIVING"
    """Instances arrive; after the quiet period the assembler decides."""
    CLOSED = "CLOSED"
    """The snapshot of this revision is frozen and its INFER jobs exist."""
    HELD = "HELD"
    """A person has to decide; nothing is analysed and nothing is sent."""
    SKIPPED = "SKIPPED"
    """No bundle wants it."""


class SeriesAction(StrEnum):
    """What moves a series from one state to the next, and who does it."""

    CLOSE = "close"
    """The assembler: it is as whole as it will be and a bundle wants it, or what came again changes nothing."""
    SKIP = "skip"
    """The assembler: no bundle wants it."""
    HOLD = "hold"
    """The assembler, or the worker that saw the pixels: a person has to decide."""
    REOPEN = "reopen"
    """The receiver: another image came. The assembler: the better series of the study could not be analysed."""
    RELEASE = "release"
    """A person: it goes on, and this reason holds it no more."""
    DISCARD = "discard"
    """A person: nothing of it is analysed or sent."""
    REPLAY = "replay"
    """A person: the rules are asked again."""


SERIES_TRANSITIONS: dict[tuple[SeriesState, SeriesAction], SeriesState] = {
    (SeriesState.RECEIVING, SeriesAction.CLOSE): SeriesState.CLOSED,
    (SeriesState.RECEIVING, SeriesAction.SKIP): SeriesState.SKIPPED,
    (SeriesState.RECEIVING, SeriesAction.HOLD): SeriesState.HELD,
    (SeriesState.CLOSED, SeriesAction.HOLD): SeriesState.HELD,
    (SeriesState.CLOSED, SeriesAction.REOPEN): SeriesState.RECEIVING,
    (SeriesState.SKIPPED, SeriesAction.REOPEN): SeriesState.RECEIVING,
    (SeriesState.SKIPPED, SeriesAction.REPLAY): SeriesState.RECEIVING,
    (SeriesState.HELD, SeriesAction.RELEASE): SeriesState.RECEIVING,
    (SeriesState.HELD, SeriesAction.DISCARD): SeriesState.SKIPPED,
}


class JobKind(StrEnum):
    """What a job does."""

    INFER = "INFER"
    """The worker analyses one revision of a series with one bundle, and builds the result objects."""
    DELIVER = "DELIVER"
    """The courier brings a result set to one destination, until its time is over."""
    NOTIFY = "NOTIFY"
    """The courier tells one worklist or webhook of an outcome."""


class JobState(StrEnum):
    """Where a job stands."""

    AVAILABLE = "AVAILABLE"
    """It waits for its turn."""
    RUNNING = "RUNNING"
    """A worker or courier has it, under a lease that its heartbeat extends."""
    RETRYABLE = "RETRYABLE"
    """It failed and is tried again at a later time."""
    COMPLETED = "COMPLETED"
    """It did what it was for."""
    DISCARDED = "DISCARDED"
    """It was given up: a dead letter, with its reason."""
    CANCELLED = "CANCELLED"
    """A person or a hold took it out."""
    HELD = "HELD"
    """A delivery that a person has to look at; nothing is sent meanwhile."""

    @property
    def is_final(self) -> bool:
        """Whether only a person's ``jobs retry`` moves the job on."""
        return self in (JobState.COMPLETED, JobState.DISCARDED, JobState.CANCELLED)


class JobAction(StrEnum):
    """What moves a job from one state to the next, and who does it."""

    CLAIM = "claim"
    """A worker or courier takes the lease; the attempt is counted now, so that a crash counts."""
    COMPLETE = "complete"
    """The stage ended; rows of the next kind are inserted in the same transaction."""
    RETRY_LATER = "retry_later"
    """The stage failed and the retry decision gives it another attempt at a later time."""
    DISCARD = "discard"
    """The stage failed for good: dead letter. For INFER a not-analysed result goes with it."""
    CANCEL = "cancel"
    """A person, or a series that was held, takes the job out."""
    REQUEUE = "requeue"
    """A person asks for another try: attempts start from zero."""
    HOLD = "hold"
    """A delivery waits for a person: what it would say may be about the wrong patient by now."""
    RELEASE = "release"
    """A clean shutdown gives an unfinished job back; the attempt is not counted."""


TRANSITIONS: dict[tuple[JobState, JobAction], JobState] = {
    (JobState.AVAILABLE, JobAction.CLAIM): JobState.RUNNING,
    (JobState.AVAILABLE, JobAction.CANCEL): JobState.CANCELLED,
    (JobState.RETRYABLE, JobAction.CLAIM): JobState.RUNNING,
    (JobState.RETRYABLE, JobAction.CANCEL): JobState.CANCELLED,
    (JobState.RETRYABLE, JobAction.DISCARD): JobState.DISCARDED,
    (JobState.RUNNING, JobAction.COMPLETE): JobState.COMPLETED,
    (JobState.RUNNING, JobAction.RETRY_LATER): JobState.RETRYABLE,
    (JobState.RUNNING, JobAction.DISCARD): JobState.DISCARDED,
    (JobState.RUNNING, JobAction.CANCEL): JobState.CANCELLED,
    (JobState.RUNNING, JobAction.RELEASE): JobState.AVAILABLE,
    (JobState.RUNNING, JobAction.HOLD): JobState.HELD,
    (JobState.HELD, JobAction.CANCEL): JobState.CANCELLED,
    (JobState.HELD, JobAction.REQUEUE): JobState.AVAILABLE,
    (JobState.DISCARDED, JobAction.REQUEUE): JobState.AVAILABLE,
    (JobState.CANCELLED, JobAction.REQUEUE): JobState.AVAILABLE,
}


class Outcome(StrEnum):
    """What a completed (or discarded) INFER job found. ``None`` stands for "no outcome yet"."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    NOT_ANALYSED = "not_analysed"


class Completeness(StrEnum):
    """Whether the series is whole, as far as the evidence says."""

    COMPLETE = "COMPLETE"
    SUSPECT = "SUSPECT"
    INCOMPLETE = "INCOMPLETE"


class Proof(StrEnum):
    """How sure we are that a destination keeps what was sent."""

    NONE = "none"
    SENT = "sent"
    PROVEN = "proven"


class ResultKind(StrEnum):
    """What a result set is."""

    ANALYSIS = "analysis"
    """What an INFER job left."""
    REISSUE = "reissue"
    """The same result as new instances, with the patient as the PACS knows them by now."""
    RETRACTION = "retraction"
    """A rejection note about earlier objects, and a corrected report where asked."""


class AssociationEnding(StrEnum):
    """How an association that stored something ended."""

    OPEN = "open"
    RELEASED = "released"
    ABORTED = "aborted"
    LOST = "lost"
    """The receiver died while the association was open."""


class InstanceRole(StrEnum):
    """Why a SOP instance lies in the spool."""

    SOURCE = "source"
    """An image a bundle could analyse."""
    COMPANION = "companion"
    """Sent along (dose report, secondary capture, presentation state, key objects): kept, never analysed."""
    OWN_RESULT = "own_result"
    """One of our results, sent back by the PACS: never triggers anything."""


class Stage(StrEnum):
    """The stage an event belongs to, in the order of the flow."""

    RECEIVE = "receive"
    """Images come and are made durable."""
    ASSEMBLE = "assemble"
    """They become a series, and the series becomes jobs."""
    INFER = "infer"
    """The images are read, preprocessed and scored."""
    REPORT = "report"
    """The result objects are built and made durable."""
    DELIVER = "deliver"
    """They are sent, and their keeping is proven."""
    NOTIFY = "notify"
    """A worklist or webhook is told."""
    OPERATE = "operate"
    """What people, or housekeeping, did to the service itself; no stage of a job."""


class Reason(StrEnum):
    """Coded reasons, as they stand in the database, in JSON and on the command line.

    ``words`` of :data:`REASON_WORDS` is what a report prints.
    """

    # why a series is SKIPPED
    NOT_AN_IMAGE = "not-an-image"
    OWN_RESULT = "own-result"
    MODALITY = "modality"
    BODY_PART = "body-part"
    IMAGE_TYPE = "image-type"
    MULTI_FRAME = "multi-frame"
    PHANTOM = "phantom"
    TOO_FEW_SLICES = "too-few-slices"
    NO_BUNDLE = "no-bundle"
    NO_RULE = "no-rule"
    """No [[rule]] matches; kept, so that a corrected rule can be tried with `series replay`."""
    RULE = "rule"
    """The first [[rule]] that matches says skip, or hold."""
    ANOTHER_SERIES = "another-series-analysed"
    """The rule takes the best series of a study, and this is not it."""
    IMAGES_REMOVED = "images-removed"
    """Its images were removed after their time: of what comes again nothing is analysed by itself. SKIPPED where it
    never was, HELD where an image has come that was not there before."""
    # why a series is HELD
    CONFLICT = "conflict"
    TWO_PATIENTS = "two-patients"
    TWO_STUDIES = "two-studies"
    TOO_MANY_REVISIONS = "too-many-revisions"
    AMBIGUOUS_GEOMETRY = "ambiguous-geometry"
    # why a series is SUSPECT or INCOMPLETE
    GAP = "gap"
    SPARSE = "sparse"
    FEWER_THAN_ANNOUNCED = "fewer-than-announced"
    ASSOCIATION_ABORTED = "association-aborted"
    MAX_AGE = "max-age"
    FEWER_THAN_KNOWN = "fewer-than-known"
    """The PACS holds more images of this series (C-FIND) than came here."""
    REQUIRED_MISSING = "required-series-missing"
    """The rule asks for other series of the study, and they did not come within its time."""
    # why an INFER job ends not analysed
    INCOMPLETE = "incomplete"
    SCOPE = "scope"
    TOO_LARGE = "too-large"
    TILT = "tilt"
    NO_RESCALE = "no-rescale"
    NOT_HU = "not-hu"
    LOSSY = "lossy"
    IMPLAUSIBLE_HU = "implausible-hu"
    NO_GEOMETRY = "no-geometry"
    COVERAGE = "coverage"
    IRREGULAR_SPACING = "irregular-spacing"
    BURNED_IN = "burned-in"
    UNREADABLE_PIXELS = "unreadable-pixels"
    UNREADABLE = "unreadable"
    MODEL_FAILED = "model-failed"
    MODEL_CRASHED = "model-crashed"
    MODEL_HUNG = "model-hung"
    OUT_OF_MEMORY = "out-of-memory"
    BUNDLE_GONE = "bundle-gone"
    BUNDLE_DRIFTED = "bundle-drifted"
    # why a DELIVER job waits or ends
    SHADOW = "shadow"
    """The rule says: analyse and keep the result, send nothing."""
    UNREACHABLE = "unreachable"
    REJECTED = "rejected"
    REFUSED_STATUS = "refused-status"
    NOT_ACCEPTED = "not-accepted"
    DEADLINE = "deadline"
    DEMONSTRATION = "demonstration-not-allowed"
    RESULT_CHANGED = "result-changed-on-disk"
    NO_SUCH_RESULT = "result-object-not-made"
    """The result set was made before the destination asked for this kind of object."""
    PATIENT_CHANGED = "patient-changed"
    """The study belongs to another Patient ID at the destination than the images do (a merge overtook us)."""
    AWAITING_PROOF = "awaiting-proof"
    """Everything is sent; whether the destination keeps it is not yet known."""
    PROOF_FAILED = "proof-failed"
    """The destination says it does not have what it answered success for: it is sent again."""
    NO_PROOF = "no-proof"
    """The destination gave no proof in its time; the result counts as sent."""
    UNKNOWN_SENDER = "unknown-sender"
    """Results go back to the sender, and where it is cannot be said."""
    REISSUED = "reissued"
    """A new instance with the changed patient takes its place."""
    RETRACTED = "retracted"
    """The result was taken back before it was sent."""
    NO_ANSWER = "no-answer"
    REFUSED_MESSAGE = "refused-message"
    """Who was to be notified does not accept the message."""
    # anybody
    LEASE_EXPIRED = "lease-expired"
    OPERATOR = "operator"
    SHUTDOWN = "shutdown"
    INTERNAL = "internal-error"


NEVER_WAIVED = frozenset({Reason.TWO_PATIENTS, Reason.TWO_STUDIES, Reason.IMAGES_REMOVED})
"""Holds that no release lifts: a result would speak of the wrong person, or of a part of the images, whoever wishes
for it. Once all its images are here again, a series is no longer held for those that were removed."""


REASON_WORDS: dict[Reason, str] = {
    Reason.INCOMPLETE: "slices missing",
    Reason.SCOPE: "outside the intended use of the model",
    Reason.TOO_LARGE: "too many slices",
    Reason.TILT: "gantry tilt",
    Reason.NO_RESCALE: "rescale to HU missing or invalid",
    Reason.NOT_HU: "pixel values are not HU",
    Reason.LOSSY: "lossy compression",
    Reason.IMPLAUSIBLE_HU: "implausible HU values",
    Reason.NO_GEOMETRY: "image geometry missing or contradictory",
    Reason.COVERAGE: "too little of the head covered",
    Reason.IRREGULAR_SPACING: "irregular slice spacing",
    Reason.BURNED_IN: "text burned into the images",
    Reason.MULTI_FRAME: "multi-frame images not taken by the model",
    Reason.BODY_PART: "another body part than the model is for",
    Reason.UNREADABLE_PIXELS: "pixel data cannot be read",
    Reason.UNREADABLE: "an image cannot be read",
    Reason.MODEL_FAILED: "the analysis failed",
    Reason.MODEL_CRASHED: "the analysis crashed",
    Reason.MODEL_HUNG: "the analysis did not end",
    Reason.OUT_OF_MEMORY: "not enough memory for the analysis",
    Reason.BUNDLE_GONE: "the model is no longer installed",
    Reason.BUNDLE_DRIFTED: "the model failed its self-test",
    Reason.TOO_FEW_SLICES: "too few slices",
    Reason.RETRACTED: "result withdrawn",
    Reason.AMBIGUOUS_GEOMETRY: "more than one slice at one position",
}
"""What follows "NOT ANALYSED - " in a report."""


FAULTS_OF_THE_MODEL: frozenset[Reason] = frozenset(
    {
        Reason.MODEL_FAILED,
        Reason.MODEL_CRASHED,
        Reason.MODEL_HUNG,
        Reason.OUT_OF_MEMORY,
        Reason.BUNDLE_GONE,
        Reason.BUNDLE_DRIFTED,
    }
)
"""Not analysed through no fault of the images: another series would fare no better."""


class IllegalTransition(ValueError):
    """A job or a series was asked for a change that its table does not hold."""


def next_state(state: JobState, action: JobAction) -> JobState:
    """Return the state that ``action`` leads to; raise :class:`IllegalTransition` where there is none."""
    try:
        return TRANSITIONS[state, action]
    except KeyError:
        raise IllegalTransition(f"a job that is {state} cannot take '{action}'") from None


def refuse_impossible(before: SeriesState, after: SeriesState) -> None:
    """Raise :class:`IllegalTransition` unless a series stays as it is, or some action leads there."""
    possible = (end for (begin, _), end in SERIES_TRANSITIONS.items() if begin is before)
    if after is not before and after not in possible:
        raise IllegalTransition(f"a series that is {before} does not become {after}")
