"""Facts about analyses on SQL."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, func, insert, select

from hounsfield.storage.analysis_facts import AnalysisFacts, Baseline, FactRecord, NotAnalysed, Pair, ScoredJob
from hounsfield.storage.feedback import Opinion
from hounsfield.storage.rows import AnyRow, reason_or_none
from hounsfield.storage.states import JobKind, Outcome
from hounsfield.storage.tables import (
    analysis_fact,
    drift_baseline,
    feedback,
    job,
    result_object,
    result_set,
    series,
)
from hounsfield.storage.transactions import Transactions


class SqlAnalysisFactStore:
    """See :class:`~hounsfield.storage.analysis_facts.AnalysisFactStore`. Methods may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def pairs(self) -> list[Pair]:
        """Return every bundle on every scanner."""
        facts = analysis_fact.c
        key = (facts.bundle_sha256, facts.scanner)
        counted = (
            select(
                *key,
                func.count().label("analyses"),
                func.min(facts.at).label("first_at"),
                func.max(facts.at).label("last_at"),
                func.max(facts.job_id).label("job_id"),
            )
            .group_by(*key)
            .subquery()
        )
        names = (facts.bundle, facts.bundle_version)
        query = (
            select(counted, *names)
            .join(analysis_fact, facts.job_id == counted.c.job_id)
            .order_by(*names, facts.bundle_sha256, counted.c.scanner)
        )
        with self._transactions.read() as connection:
            return [_pair(row) for row in connection.execute(query)]

    def first(self, pair: Pair, limit: int) -> list[FactRecord]:
        """Return the first analyses of a pair."""
        with self._transactions.read() as connection:
            return _facts(connection, _of(pair).order_by(analysis_fact.c.at, analysis_fact.c.job_id).limit(limit))

    def last(self, pair: Pair, limit: int, since: datetime | None = None) -> list[FactRecord]:
        """Return the last analyses of a pair."""
        query = _of(pair).order_by(analysis_fact.c.at.desc(), analysis_fact.c.job_id.desc()).limit(limit)
        if since is not None:
            query = query.where(analysis_fact.c.at >= since)
        with self._transactions.read() as connection:
            return _facts(connection, query)[::-1]

    def between(self, pair: Pair, begins_at: datetime, ends_at: datetime, limit: int) -> list[FactRecord]:
        """Return the first analyses of a pair in a time."""
        at = analysis_fact.c.at
        query = _of(pair).where(at >= begins_at, at < ends_at).order_by(at, analysis_fact.c.job_id).limit(limit)
        with self._transactions.read() as connection:
            return _facts(connection, query)

    def set_baselines(self, baselines: Sequence[Baseline]) -> None:
        """Keep what a person says is the baseline."""
        with self._transactions.write() as connection:
            for one in baselines:
                connection.execute(insert(drift_baseline).values(asdict(one)))

    def baselines(self) -> dict[tuple[str, str], Baseline]:
        """Return the baselines in force."""
        with self._transactions.read() as connection:
            rows = connection.execute(select(drift_baseline).order_by(drift_baseline.c.id)).all()
        return {(row.bundle_sha256, row.scanner): _baseline(row) for row in rows}

    def not_analysed(self, since: datetime) -> list[NotAnalysed]:
        """Count the series that were not analysed."""
        key = (job.c.bundle, job.c.bundle_version, job.c.reason)
        query = (
            select(*key, func.count().label("series"))
            .where(job.c.kind == JobKind.INFER, job.c.outcome == Outcome.NOT_ANALYSED, job.c.updated_at >= since)
            .group_by(*key)
            .order_by(*key)
        )
        with self._transactions.read() as connection:
            return [
                NotAnalysed(
                    bundle=row.bundle,
                    bundle_version=row.bundle_version,
                    reason=reason_or_none(row.reason),
                    series=row.series,
                )
                for row in connection.execute(query)
            ]

    def scored(
        self, bundle: str, version: str | None = None, *, shadow: bool | None = None, since: datetime | None = None
    ) -> Iterator[ScoredJob]:
        """Yield the scores of a bundle, of each series, part and version the last one."""
        query = _scored().where(job.c.bundle == bundle)
        if version is not None:
            query = query.where(job.c.bundle_version == version)
        if shadow is not None:
            query = query.where(job.c.shadow if shadow else ~job.c.shadow)
        if since is not None:
            query = query.where(result_set.c.created_at >= since)
        with self._transactions.read() as connection:
            found = {
                (row.series_id, row.part, row.bundle_version, row.shadow): row for row in connection.execute(query)
            }
        return (_scored_job(row) for row in found.values())

    def opinions(self) -> dict[int, bool]:
        """Return by series id whether readers say that it is positive."""
        query = (
            select(job.c.series_id, job.c.outcome, feedback.c.opinion)
            .join(job, job.c.id == feedback.c.job_id)
            .where(job.c.outcome.in_((Outcome.POSITIVE, Outcome.NEGATIVE)))
            .order_by(feedback.c.received_at, feedback.c.id)
        )
        with self._transactions.read() as connection:
            return {
                row.series_id: (row.outcome == Outcome.POSITIVE) == (row.opinion == Opinion.AGREE)
                for row in connection.execute(query)
            }


def keep_facts(
    connection: Connection, row: AnyRow, outcome: Outcome, facts: AnalysisFacts | None, at: datetime
) -> None:
    """Write what an INFER job's analysis was like, in place of what an earlier try of it was like.

    Nothing is kept of what was not analysed. The caller holds the job's lock.
    """
    connection.execute(delete(analysis_fact).where(analysis_fact.c.job_id == row.id))
    if facts is None or outcome is Outcome.NOT_ANALYSED or row.bundle is None:
        return
    connection.execute(
        insert(analysis_fact).values(
            job_id=row.id,
            at=at,
            bundle=row.bundle,
            bundle_version=row.bundle_version or "",
            bundle_sha256=row.bundle_sha256 or "",
            scanner=facts.scanner,
            outcome=outcome,
            # a list: JSONB forgets the order of keys, and the first label is the one that decides
            scores=[[label, score] for label, score in facts.scores.items()],
            inputs=dict(facts.inputs),
        )
    )


def _of(pair: Pair) -> Select[Any]:
    facts = analysis_fact.c
    columns = (facts.job_id, facts.at, facts.scanner, facts.outcome, facts.scores, facts.inputs)
    return select(*columns).where(facts.bundle_sha256 == pair.bundle_sha256, facts.scanner == pair.scanner)


def _facts(connection: Connection, query: Select[Any]) -> list[FactRecord]:
    return [
        FactRecord(job_id=job_id, at=at, scanner=scanner, outcome=Outcome(outcome), scores=dict(scores), inputs=inputs)
        for job_id, at, scanner, outcome, scores, inputs in connection.execute(query)
    ]


def _pair(row: AnyRow) -> Pair:
    return Pair(
        bundle=row.bundle,
        bundle_version=row.bundle_version,
        bundle_sha256=row.bundle_sha256,
        scanner=row.scanner,
        analyses=row.analyses,
        first_at=row.first_at,
        last_at=row.last_at,
    )


def _baseline(row: AnyRow) -> Baseline:
    return Baseline(
        bundle_sha256=row.bundle_sha256,
        scanner=row.scanner,
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        set_at=row.set_at,
        person=row.person,
    )


def _scored() -> Select[Any]:
    """Analysed INFER jobs with their scores, so ordered that the last one of a series comes last."""
    report = (
        select(func.min(result_object.c.sop_instance_uid))
        .where(result_object.c.result_set_id == result_set.c.id, result_object.c.role == "sr")
        .scalar_subquery()
    )
    return (
        select(
            job.c.id,
            job.c.series_id,
            job.c.part,
            job.c.bundle,
            job.c.bundle_version,
            job.c.shadow,
            job.c.score,
            series.c.series_uid,
            series.c.study_uid,
            result_set.c.outcome,
            result_set.c.detail["threshold"].as_float().label("threshold"),
            result_set.c.detail["thresholds"].label("thresholds"),
            analysis_fact.c.scanner,
            analysis_fact.c.scores,
            report.label("report_uid"),
        )
        .join(series, series.c.id == job.c.series_id)
        .join(result_set, result_set.c.id == job.c.result_set_id)
        .outerjoin(analysis_fact, analysis_fact.c.job_id == job.c.id)
        .where(
            and_(
                job.c.kind == JobKind.INFER,
                job.c.score.is_not(None),
                result_set.c.outcome.in_((Outcome.POSITIVE, Outcome.NEGATIVE)),
            )
        )
        .order_by(job.c.series_id, job.c.revision, job.c.id)
    )


def _scored_job(row: AnyRow) -> ScoredJob:
    # Without facts the score of the job is all that was kept; of several labels both are those that led to the outcome.
    score, threshold = row.score, row.threshold
    if row.scores:
        label, score = row.scores[0]
        threshold = (row.thresholds or {}).get(label, threshold)
    return ScoredJob(
        job_id=row.id,
        series_id=row.series_id,
        series_uid=row.series_uid,
        study_uid=row.study_uid,
        part=row.part,
        bundle=row.bundle,
        bundle_version=row.bundle_version,
        shadow=row.shadow,
        scanner=row.scanner or "",
        score=score,
        threshold=threshold,
        outcome=Outcome(row.outcome),
        report_uid=row.report_uid,
    )
