"""The service's log about jobs: one line at the end of each, and whose it is in every line before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from support.bench import Bench
from support.couriers import FakeTransport, courier
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.daemon.pipeline.job_lines import MOST_ASSOCIATIONS
from hounsfield.storage.states import JobKind


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "home")
    yield made
    made.app.database.close()


def received(bench: Bench, associations: int = 1) -> list[str]:
    files = write_series(bench.home.with_name("files"), ct_series(12))
    share = len(files) // associations
    return [bench.receive(files[number * share : (number + 1) * share]) for number in range(associations)]


def said(work: Any) -> list[dict[str, Any]]:
    """What is logged while ``work`` does one thing, with what every line of its thread names."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        work()
    return list(lines)


def ends(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "job ended"]


def test_a_job_that_ends_is_one_line_with_all_of_it(bench: Bench) -> None:
    (association,) = received(bench)
    bench.settle()
    bench.clock.advance(7)
    (line,) = ends(said(bench.worker(0.9).work_one))
    (job,) = bench.jobs()
    assert (line["job"], line["kind"], line["state"], line["outcome"]) == (job.id, "INFER", "COMPLETED", "positive")
    assert line["series"] == bench.app.hasher(job.series_uid)
    assert (line["association"], line["attempt"], line["wait_seconds"]) == (association, 1, 7.0)
    assert {"preprocess_seconds", "infer_seconds", "report_seconds"} <= set(line)
    assert job.series_uid not in str(line)
    assert "reason" not in line
    bench.clock.advance(3)
    (sent,) = ends(said(courier(bench, transport=FakeTransport()).work_one))
    assert (sent["kind"], sent["destination"], sent["proof"], sent["series"]) == (
        "DELIVER",
        "pacs",
        "sent",
        line["series"],
    )
    assert sent["total_seconds"] == 3.0


def test_a_job_that_is_tried_again_has_no_end_yet_but_every_line_names_it(bench: Bench) -> None:
    received(bench)
    bench.settle()
    bench.worker(0.9).work_one()
    away = FakeTransport(answer=lambda _: SendReport(failure=Failure.UNREACHABLE))
    lines = said(courier(bench, transport=away).work_one)
    (job,) = bench.jobs(JobKind.DELIVER)
    assert ends(lines) == []
    assert {(line["job"], line["series"]) for line in lines} == {(job.id, bench.app.hasher(job.series_uid))}
    assert structlog.contextvars.get_contextvars() == {}, "nothing of it stays"


def test_a_job_without_a_model_ends_with_one_line_that_says_why(bench: Bench) -> None:
    received(bench)
    bench.settle()
    (line,) = ends(said(bench.worker(0.9, known=False).work_one))
    assert (line["state"], line["outcome"], line["reason"]) == ("DISCARDED", "not_analysed", "bundle-gone")


def test_of_many_associations_the_first_are_named_and_all_are_counted(bench: Bench) -> None:
    associations = received(bench, 6)
    bench.settle()
    (line,) = ends(said(bench.worker(0.9).work_one))
    assert line["association"] == ", ".join(associations[:MOST_ASSOCIATIONS])
    assert line["associations"] == 6
