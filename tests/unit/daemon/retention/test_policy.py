"""Whatever the mixture of states: what may be removed is finished, delivered and proven."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.retention.policy import KEEP_WORDS, Keep, Policy
from hounsfield.storage.purging import Holding, JobStanding, SeriesStanding
from hounsfield.storage.states import JobKind, JobState, Proof, Reason, SeriesState

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ASKED = {"archive": True, "pacs": False}
POLICY = Policy(keep={Holding.IMAGES: 30 * DAY, Holding.RESULTS: 365 * DAY, Holding.JOBS: 1825 * DAY}, proof=ASKED)
LONG_AGO = NOW - 4000 * DAY

REASONS = st.one_of(st.none(), st.sampled_from(Reason))
JOBS = st.builds(
    JobStanding,
    id=st.integers(1, 99),
    kind=st.sampled_from(JobKind),
    state=st.sampled_from(JobState),
    reason=REASONS,
    proof=st.sampled_from(Proof),
    destination=st.sampled_from([None, "archive", "pacs", "one that is no longer configured"]),
    revision=st.integers(1, 3),
)
STANDINGS = st.builds(
    SeriesStanding,
    series_id=st.just(1),
    state=st.sampled_from(SeriesState),
    reason=REASONS,
    revision=st.integers(0, 3),
    jobs=st.lists(JOBS, max_size=4).map(tuple),
    last_at=st.integers(0, 4000 * 24).map(lambda hours: NOW - timedelta(hours=hours)),
    images=st.integers(0, 3),
    image_bytes=st.integers(0, 9),
    results=st.integers(0, 3),
    result_bytes=st.integers(0, 9),
)


def delivery(state: JobState = JobState.COMPLETED, proof: Proof = Proof.PROVEN, **changes: object) -> JobStanding:
    one = JobStanding(
        id=2, kind=JobKind.DELIVER, state=state, reason=None, proof=proof, destination="archive", revision=1
    )
    return replace(one, **changes)  # type: ignore[arg-type]


ANALYSIS = delivery(kind=JobKind.INFER, proof=Proof.NONE, destination=None, id=1)


def standing(*deliveries: JobStanding, **changes: object) -> SeriesStanding:
    """A series that was analysed and delivered long ago."""
    one = SeriesStanding(
        series_id=1,
        state=SeriesState.CLOSED,
        reason=None,
        revision=1,
        jobs=(ANALYSIS, *deliveries),
        last_at=LONG_AGO,
        images=3,
        image_bytes=900,
        results=2,
        result_bytes=20,
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def is_safe(job: JobStanding, one: SeriesStanding) -> bool:
    """Whether nothing is left to be done by a job: said once more, and otherwise than the policy says it."""
    if job.state in (JobState.AVAILABLE, JobState.RUNNING, JobState.RETRYABLE, JobState.HELD):
        return False
    if job.kind != JobKind.DELIVER or (job.proof is Proof.PROVEN and job.state is JobState.COMPLETED):
        return True
    if job.state is JobState.COMPLETED:
        unasked = job.destination == "pacs" or (job.destination not in ASKED and job.reason is not Reason.NO_PROOF)
        return job.proof is Proof.SENT and unasked
    by_a_person = job.reason in (Reason.OPERATOR, Reason.RETRACTED, Reason.REISSUED)
    discarded = one.state is SeriesState.SKIPPED and one.reason is Reason.OPERATOR
    return job.state is JobState.CANCELLED and (by_a_person or discarded or job.revision < one.revision)


@given(STANDINGS, st.sampled_from(Holding), st.booleans())
def test_what_goes_is_finished_delivered_and_proven(one: SeriesStanding, holding: Holding, pressed: bool) -> None:
    keep = POLICY.keeps(holding, one, NOW, pressed=pressed)
    old = one.last_at < NOW - (timedelta(hours=1) if pressed else POLICY.keep[holding])
    finished = one.state not in (SeriesState.RECEIVING, SeriesState.HELD)
    if keep is None:
        assert old
        assert finished
        assert all(is_safe(job, one) for job in one.jobs)
        assert holding is not Holding.JOBS or (one.images, one.results) == (0, 0)
    elif keep not in (Keep.RECENT, Keep.UNMATCHED, Keep.FILES):
        assert old
        assert not finished or not all(is_safe(job, one) for job in one.jobs)


@given(STANDINGS, st.sampled_from(Holding))
def test_a_full_disk_frees_no_more_than_age_would_in_the_end(one: SeriesStanding, holding: Holding) -> None:
    if POLICY.keeps(holding, one, NOW, pressed=True) is None:
        assert POLICY.keeps(holding, replace(one, last_at=LONG_AGO), NOW) is None


@pytest.mark.parametrize(
    ("one", "keep"),
    [
        (standing(delivery()), None),
        (standing(), None),
        (standing(delivery(proof=Proof.SENT)), Keep.UNPROVEN),
        (standing(delivery(proof=Proof.NONE, destination="pacs")), Keep.UNPROVEN),
        (standing(delivery(proof=Proof.SENT, destination="pacs")), None),
        (standing(delivery(proof=Proof.SENT, destination="gone")), None),
        (standing(delivery(proof=Proof.SENT, destination="gone", reason=Reason.NO_PROOF)), Keep.UNPROVEN),
        (standing(delivery(JobState.DISCARDED, reason=Reason.DEADLINE)), Keep.UNDELIVERED),
        (standing(delivery(JobState.DISCARDED, reason=Reason.OPERATOR), revision=2), Keep.UNDELIVERED),
        (standing(delivery(JobState.CANCELLED, reason=Reason.OPERATOR)), None),
        (standing(delivery(JobState.CANCELLED, reason=Reason.CONFLICT)), Keep.UNDELIVERED),
        (standing(delivery(JobState.CANCELLED, reason=Reason.CONFLICT), revision=2), None),
        (standing(delivery(JobState.RETRYABLE)), Keep.UNFINISHED),
        (standing(delivery(JobState.HELD)), Keep.UNFINISHED),
        (standing(delivery(JobState.DISCARDED, kind=JobKind.NOTIFY)), None),
        (standing(delivery(), state=SeriesState.HELD), Keep.HELD),
        (standing(delivery(), state=SeriesState.RECEIVING), Keep.RECEIVING),
        (standing(delivery(), last_at=NOW - 29 * DAY), Keep.RECENT),
        (standing(state=SeriesState.SKIPPED, reason=Reason.NO_RULE, revision=0, jobs=()), Keep.UNMATCHED),
        (standing(state=SeriesState.SKIPPED, reason=Reason.BODY_PART, revision=0, jobs=()), None),
        (standing(state=SeriesState.SKIPPED, reason=Reason.NO_RULE, revision=1, jobs=()), None),
        (standing(state=SeriesState.SKIPPED, reason=Reason.NO_RULE, revision=0), None),
    ],
)
def test_images_of_a_series_stay_for_a_reason_that_is_told(one: SeriesStanding, keep: Keep | None) -> None:
    assert POLICY.keeps(Holding.IMAGES, one, NOW) is keep


@pytest.mark.parametrize("holding", list(Holding))
def test_what_happened_exactly_at_the_end_of_the_time_is_recent(holding: Holding) -> None:
    one = standing(images=0, results=0, last_at=NOW - POLICY.keep[holding])
    assert POLICY.keeps(holding, one, NOW) is Keep.RECENT
    assert POLICY.keeps(holding, replace(one, last_at=one.last_at - timedelta(microseconds=1)), NOW) is None


def test_a_full_disk_frees_what_is_an_hour_old_but_nothing_that_its_time_would_free_earlier() -> None:
    one = standing(delivery(), last_at=NOW - timedelta(hours=1, seconds=1))
    assert POLICY.keeps(Holding.IMAGES, one, NOW) is Keep.RECENT
    assert POLICY.keeps(Holding.IMAGES, one, NOW, pressed=True) is None
    hasty = Policy(keep={Holding.IMAGES: timedelta(minutes=1)}, proof={})
    assert hasty.before(Holding.IMAGES, NOW, pressed=True) == NOW - timedelta(minutes=1)


def test_a_delivery_is_given_up_for_good_only_by_a_person() -> None:
    meant = {
        reason for reason in Reason if POLICY.unfinished(standing(delivery(JobState.CANCELLED, reason=reason))) is None
    }
    assert meant == {Reason.OPERATOR, Reason.RETRACTED, Reason.REISSUED}


@pytest.mark.parametrize(
    ("state", "reason", "keep"),
    [
        (SeriesState.SKIPPED, Reason.OPERATOR, None),
        (SeriesState.SKIPPED, Reason.RETRACTED, Keep.UNDELIVERED),
        (SeriesState.CLOSED, Reason.OPERATOR, Keep.UNDELIVERED),
    ],
)
def test_a_series_that_a_person_discarded_takes_its_deliveries_along(
    state: SeriesState, reason: Reason, keep: Keep | None
) -> None:
    one = standing(delivery(JobState.CANCELLED, reason=Reason.CONFLICT), state=state, reason=reason)
    assert POLICY.unfinished(one) is keep


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_reasons_the_first_of_the_list_is_told(order: int) -> None:
    unproven, undelivered = delivery(proof=Proof.SENT), delivery(JobState.DISCARDED, reason=Reason.DEADLINE)
    running = delivery(JobState.RUNNING)
    assert POLICY.unfinished(standing(*(unproven, undelivered)[::order])) is Keep.UNDELIVERED
    assert POLICY.unfinished(standing(*(unproven, running)[::order])) is Keep.UNFINISHED
    assert POLICY.unfinished(standing(*(undelivered, running)[::order])) is Keep.UNFINISHED


def test_each_kind_of_thing_has_its_own_time_and_rows_outlive_files() -> None:
    one = standing(delivery(), last_at=NOW - 400 * DAY)
    found = [POLICY.keeps(holding, one, NOW) for holding in Holding]
    assert found == [None, None, Keep.RECENT]
    old = standing(delivery())
    assert POLICY.keeps(Holding.JOBS, old, NOW) is Keep.FILES
    assert POLICY.keeps(Holding.JOBS, replace(old, images=0), NOW) is Keep.FILES
    assert POLICY.keeps(Holding.JOBS, replace(old, results=0), NOW) is Keep.FILES
    assert POLICY.keeps(Holding.JOBS, replace(old, images=0, results=0), NOW) is None


@pytest.mark.parametrize("holding", [Holding.RESULTS, Holding.JOBS])
def test_only_images_wait_for_a_rule(holding: Holding) -> None:
    nobodys = standing(state=SeriesState.SKIPPED, reason=Reason.NO_RULE, revision=0, jobs=(), images=0, results=0)
    assert POLICY.keeps(holding, nobodys, NOW) is None


def test_a_policy_is_read_from_the_configuration() -> None:
    destinations = [
        {"name": "archive", "ae_title": "A", "host": "127.0.0.1", "port": 104, "proof": "commitment"},
        {"name": "pacs", "ae_title": "P", "host": "127.0.0.1", "port": 105},
    ]
    settings = Settings(destination=destinations, retention={"images_days": 7, "results_days": 8, "jobs_days": 9})
    policy = Policy.of(settings)
    assert policy.proof == ASKED
    assert policy.keep == {Holding.IMAGES: 7 * DAY, Holding.RESULTS: 8 * DAY, Holding.JOBS: 9 * DAY}
    assert policy.before(Holding.IMAGES, NOW) == NOW - 7 * DAY
    assert policy.before(Holding.IMAGES, NOW, pressed=True) == NOW - timedelta(hours=1)


def test_every_reason_to_keep_something_has_words() -> None:
    assert set(KEEP_WORDS) == set(Keep)


def test_what_scripts_read_of_what_is_kept_stays() -> None:
    words = "recent receiving held unmatched unfinished undelivered unproven files"
    assert [str(keep) for keep in Keep] == words.split()
