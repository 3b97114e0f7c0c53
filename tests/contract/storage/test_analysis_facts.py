"""Facts about analyses on both engines: kept with the result, read by the windows that are compared."""

from dataclasses import replace
from typing import Any

from support.stored import BUNDLE, at, claimed, closed, present, received, result, to

from hounsfield.storage.analysis_facts import AnalysisFacts, Baseline, NotAnalysed, Pair
from hounsfield.storage.engine import Database
from hounsfield.storage.feedback import Feedback, Opinion
from hounsfield.storage.records import InferRequest
from hounsfield.storage.states import Outcome, Reason

CT1 = "CT1 / ACME / One / S1"
FACTS = AnalysisFacts(
    scanner=CT1, scores={"zz": 0.93, "aa": 0.1}, inputs={"noise_hu": 3.5, "kernel": "H31S", "x": None}
)
NEWER = replace(BUNDLE, bundle_version="1.1.0", bundle_sha256="e" * 64)


def infer(
    database: Database,
    series: str,
    *,
    seconds: float = 31,
    outcome: Outcome = Outcome.POSITIVE,
    bundle: InferRequest = BUNDLE,
    facts: AnalysisFacts | None = FACTS,
    **changes: Any,
) -> int:
    """Analyse a series; return the number of its INFER job."""
    closed(database, 1, series=series, requests=[bundle])
    claim = claimed(database)
    made = result(outcome, f"2.25.{series}", **changes)
    assert database.jobs.complete_infer(claim, made, to(), at(seconds), {}, facts)
    return claim.job.id


def only_pair(database: Database) -> Pair:
    (pair,) = database.facts.pairs()
    return pair


def test_what_an_analysis_was_like_comes_back_with_its_labels_in_order(database: Database) -> None:
    job_id = infer(database, "1.2.1")
    (fact,) = database.facts.first(only_pair(database), 10)
    assert list(fact.scores.items()) == [("zz", 0.93), ("aa", 0.1)]
    assert (fact.job_id, fact.at, fact.scanner, fact.outcome) == (job_id, at(31), CT1, Outcome.POSITIVE)
    assert fact.inputs == {"noise_hu": 3.5, "kernel": "H31S", "x": None}


def test_of_what_was_not_analysed_only_the_reason_is_counted(database: Database) -> None:
    infer(database, "1.2.1", outcome=Outcome.NOT_ANALYSED)
    infer(database, "1.2.2", outcome=Outcome.NOT_ANALYSED)
    infer(database, "1.2.3", facts=None)
    assert database.facts.pairs() == []
    counted = NotAnalysed(bundle="ich-demo", bundle_version="1.0.0", reason=Reason.INCOMPLETE, series=2)
    assert database.facts.not_analysed(at(0)) == [counted]
    assert database.facts.not_analysed(at(32)) == []


def test_a_lost_claim_leaves_no_facts(database: Database) -> None:
    closed(database)
    claim = claimed(database)
    assert not database.jobs.complete_infer(replace(claim, fence=claim.fence + 1), result(), to(), at(31), {}, FACTS)
    assert database.facts.pairs() == []


def test_a_job_that_is_analysed_again_has_the_facts_of_its_last_try(database: Database) -> None:
    closed(database)
    first = claimed(database)
    assert database.jobs.complete_infer(first, result(), to(), at(31), {}, FACTS)
    with database.transactions.write() as connection:  # as a job that goes round again
        connection.exec_driver_sql("UPDATE job SET state = 'AVAILABLE' WHERE kind = 'INFER'")
    other = replace(FACTS, scanner="CT2")
    again = claimed(database, seconds=50)
    assert database.jobs.complete_infer(again, result(name="2.25.7"), to(), at(51), {}, other)
    assert [(pair.scanner, pair.analyses) for pair in database.facts.pairs()] == [("CT2", 1)]


def test_each_bundle_on_each_scanner_is_counted_for_itself(database: Database) -> None:
    infer(database, "1.2.1", seconds=31)
    infer(database, "1.2.2", seconds=90)
    infer(database, "1.2.3", facts=replace(FACTS, scanner="CT2"))
    infer(database, "1.2.4", bundle=NEWER)
    found = [(pair.bundle_version, pair.scanner, pair.analyses) for pair in database.facts.pairs()]
    assert found == [("1.0.0", CT1, 2), ("1.0.0", "CT2", 1), ("1.1.0", CT1, 1)]
    first = database.facts.pairs()[0]
    assert (first.first_at, first.last_at, first.bundle_sha256) == (at(31), at(90), "b" * 64)


def test_first_last_and_times_between_are_read_oldest_first(database: Database) -> None:
    jobs = [infer(database, f"1.2.{number}", seconds=31 + number) for number in range(6)]
    pair = only_pair(database)
    assert [fact.job_id for fact in database.facts.first(pair, 2)] == jobs[:2]
    assert [fact.job_id for fact in database.facts.last(pair, 2)] == jobs[-2:]
    assert [fact.job_id for fact in database.facts.last(pair, 100, at(35))] == jobs[-2:]
    assert [fact.job_id for fact in database.facts.between(pair, at(32), at(34), 100)] == jobs[1:3]
    assert database.facts.between(pair, at(900), at(901), 100) == []


def test_the_last_word_about_a_baseline_counts(database: Database) -> None:
    word = Baseline(bundle_sha256="b" * 64, scanner=CT1, begins_at=at(0), ends_at=at(10), set_at=at(20), person="anna")
    back = replace(word, begins_at=None, ends_at=None, set_at=at(30))
    database.facts.set_baselines([word, replace(word, scanner="CT2")])
    database.facts.set_baselines([back])
    assert database.facts.baselines() == {("b" * 64, CT1): back, ("b" * 64, "CT2"): replace(word, scanner="CT2")}


def test_scores_are_those_of_the_deciding_label_with_threshold_and_report(database: Database) -> None:
    job_id = infer(database, "1.2.1", score=0.5)
    (one,) = database.facts.scored("ich-demo")
    assert (one.job_id, one.series_uid, one.scanner, one.score) == (job_id, "1.2.1", CT1, 0.93)
    assert (one.threshold, one.outcome, one.report_uid) == (0.5, Outcome.POSITIVE, "2.25.1.2.1.1")
    assert not list(database.facts.scored("other"))
    assert not list(database.facts.scored("ich-demo", "9.9"))
    assert not list(database.facts.scored("ich-demo", since=at(32)))


def test_scores_of_the_time_before_facts_are_those_of_the_job(database: Database) -> None:
    infer(database, "1.2.1", facts=None, score=0.25)
    infer(database, "1.2.2", outcome=Outcome.NOT_ANALYSED)
    assert [(one.score, one.scanner) for one in database.facts.scored("ich-demo")] == [(0.25, "")]


def test_shadow_scores_are_told_from_those_that_were_sent(database: Database) -> None:
    shadow = replace(NEWER, shadow=True)
    sent = infer(database, "1.2.1")
    kept = infer(database, "1.2.2", bundle=shadow)
    assert [one.job_id for one in database.facts.scored("ich-demo", shadow=True)] == [kept]
    assert [one.job_id for one in database.facts.scored("ich-demo", shadow=False)] == [sent]
    assert len(list(database.facts.scored("ich-demo"))) == 2


def test_of_two_revisions_of_a_series_the_later_score_counts(database: Database) -> None:
    infer(database, "1.2.1")
    record = received(database, 2, "1.2.1")
    ids = [one.id for one in database.series.instances(record.id)]
    assert database.series.close(record, ids, present(database.series.verdict(record.id, 1)), [BUNDLE], at(40))
    claim = claimed(database, seconds=41)
    later = replace(FACTS, scores={"zz": 0.4})
    assert database.jobs.complete_infer(claim, result(name="2.25.9"), to(), at(42), {}, later)
    assert [one.score for one in database.facts.scored("ich-demo")] == [0.4]


def test_readers_say_what_is_positive_by_agreeing_or_not(database: Database) -> None:
    def say(job_id: int, opinion: Opinion, seconds: float) -> Feedback:
        return Feedback(
            sop_instance_uid=f"9.{job_id}.{seconds:g}",
            about_uid="2.25.1.1",
            job_id=job_id,
            opinion=opinion,
            title="113000,DCM",
            calling_ae="PACS",
            received_at=at(seconds),
        )

    jobs = [
        infer(database, f"1.2.{number}", outcome=outcome)
        for number, outcome in enumerate((Outcome.POSITIVE, Outcome.POSITIVE, Outcome.NEGATIVE, Outcome.NEGATIVE))
    ]
    agree, disagree = Opinion.AGREE, Opinion.DISAGREE
    database.feedback.add(
        [say(job, opinion, 60) for job, opinion in zip(jobs, (agree, disagree, agree, disagree), strict=True)]
    )
    assert list(database.facts.opinions().values()) == [True, False, False, True]
    database.feedback.add([say(jobs[0], disagree, 70)])
    assert database.facts.opinions()[present(database.series.find("1.2.0")).id] is False
