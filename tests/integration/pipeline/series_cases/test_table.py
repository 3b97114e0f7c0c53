"""What comes, and what becomes of it: one test for each row of the table in docs/series-handling.md."""

from pathlib import Path

import pytest
from support.series_cases.case import Answer, Becomes, Case
from support.series_cases.table import CASES
from support.series_cases.ward import Ward

from hounsfield.storage.records import JobRecord, SeriesRecord
from hounsfield.storage.states import JobState


def _became(ward: Ward, series: SeriesRecord) -> Becomes:
    return Becomes(
        state=series.state,
        reason=series.reason,
        completeness=series.completeness,
        revision=series.revision,
        jobs=tuple(_answer(job) for job in ward.jobs_of(series)),
    )


def _answer(job: JobRecord) -> Answer:
    return job.reason or job.outcome or job.state if job.state is JobState.COMPLETED else job.state


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_series_becomes_what_the_table_says(case: Case, tmp_path: Path) -> None:
    ward = Ward(tmp_path, case.scope, case.configuration, case.destinations)
    try:
        case.story(ward)
        series = ward.series()
        assert tuple(_became(ward, one) for one in series) == case.becomes
        assert (series[0].duplicates, series[0].variants) == case.copies
        reports = ward.reports()
        assert len(reports) == sum(job.result_set_id is not None for job in ward.jobs())
        assert [words for words in case.says if words not in reports[-1].words] == []
        assert ward.untrue() == []
        case.check(ward)
    finally:
        ward.close()
