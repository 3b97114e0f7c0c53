"""What has had its time goes; what is left says so; and a PACS that sends old studies again starts nothing."""

import csv
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.reception.reconcile import reconcile
from hounsfield.daemon.retention import archive as archive_module
from hounsfield.daemon.retention import purger as purger_module
from hounsfield.daemon.retention.policy import Keep
from hounsfield.daemon.retention.purger import Purger, Rule
from hounsfield.daemon.retention.unmatched import PAUSE_SECONDS
from hounsfield.storage import spool_lock
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.records import DeliveryRequest, ResultObject, ResultSet, SeriesRecord
from hounsfield.storage.spool import DiskSpace, Spool
from hounsfield.storage.states import JobKind, Outcome, Proof, Reason, SeriesState, Stage

DAY = 86400.0
SLICES = 9
LEASE = timedelta(seconds=60)
TIMES = {"enabled": True, "images_days": 30, "results_days": 60, "jobs_days": 90, "free_percent": 0}
UID = "2.25.4711"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "home", more={"retention": TIMES})


@pytest.fixture
def small(tmp_path: Path) -> Bench:
    """One on a disk of which 15 percent are to stay free."""
    return Bench(tmp_path / "home", more={"retention": {**TIMES, "free_percent": 15}})


def images(folder: Path, sub: str = "first", count: int = SLICES, **attributes: object) -> list[Path]:
    return write_series(folder / sub, ct_series(count, **attributes))


def only(bench: Bench) -> SeriesRecord:
    (series,) = bench.series()
    return series


def analyse(bench: Bench, uid: str = UID) -> None:
    """Do as worker and courier do with the next job, without a model."""
    jobs, now = bench.app.database.jobs, bench.clock.now()
    claim = jobs.claim([JobKind.INFER], "worker-1", LEASE, now)
    assert claim is not None
    sha256 = bench.app.files.write(uid, b"a report")
    (bench.home / "previews" / f"{uid}.png").write_bytes(b"a picture")
    made = ResultObject(role="sr", sop_class_uid="1.2", sop_instance_uid=uid, sha256=sha256, size=8)
    result = ResultSet(
        identity="1" * 64, outcome=Outcome.POSITIVE, reason=None, score=0.9, device="cpu", objects=(made,)
    )
    assert jobs.complete_infer(claim, result, [DeliveryRequest(destination="pacs", give_up_at=now)], now, {})


def deliver(bench: Bench) -> None:
    jobs, now = bench.app.database.jobs, bench.clock.now()
    claim = jobs.claim([JobKind.DELIVER], "courier-1", LEASE, now)
    assert claim is not None
    assert jobs.complete_delivery(claim, (), now, {}, Proof.SENT)


def finished(bench: Bench, folder: Path) -> list[Path]:
    """Receive, analyse and deliver a series; return the files that were sent."""
    files = images(folder)
    bench.receive(files)
    bench.settle()
    analyse(bench)
    deliver(bench)
    return files


def files_in(bench: Bench) -> int:
    return len(list(bench.app.spool.digests()))


def purge(bench: Bench) -> dict[Rule, int]:
    return {rule: bench.app.purger().carry_out(rule)[0].series for rule in Rule}


def test_images_results_and_rows_go_one_after_the_other(bench: Bench, tmp_path: Path) -> None:
    finished(bench, tmp_path)
    keeping = bench.app.retention()
    report = bench.app.files.path(UID)
    left: list[tuple[int, bool, int]] = []
    for days in (29, 2, 30, 30):
        bench.clock.advance(days * DAY)
        keeping.tick()
        left.append((files_in(bench), report.exists(), len(bench.app.database.jobs.of_series(1))))
    assert left == [(SLICES, True, 2), (0, True, 2), (0, False, 2), (0, False, 0)]
    assert not (bench.home / "previews" / f"{UID}.png").exists()
    assert only(bench).images_removed_at is not None
    with (bench.home / "archive" / f"jobs-{bench.clock.now().year}.csv").open(newline="") as file:
        assert [(line["kind"], line["state"]) for line in csv.DictReader(file)] == [
            ("INFER", "COMPLETED"),
            ("DELIVER", "COMPLETED"),
        ]
    noted = [event for event in bench.app.database.jobs.events() if event.stage is Stage.OPERATE]
    assert [(event.to_state, event.detail["rule"]) for event in noted] == [
        ("PURGED", "images"),
        ("PURGED", "results"),
        ("ARCHIVED", "jobs"),
    ]
    assert noted[0].detail == {
        "rule": "images",
        "series": 1,
        "files": SLICES,
        "bytes": noted[0].detail["bytes"],
        "origin": "assembler",
    }


def test_nothing_goes_by_itself_unless_it_is_wished_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home", more={"retention": {**TIMES, "enabled": False}})
    finished(bench, tmp_path)
    bench.clock.advance(1000 * DAY)
    assert bench.app.retention().tick() == 0
    assert files_in(bench) == SLICES


@pytest.mark.parametrize("done", [[], [analyse]])
def test_unfinished_and_undelivered_work_stays_however_old_and_full(
    small: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: Sequence[Callable[[Bench], None]]
) -> None:
    monkeypatch.setattr(Spool, "space", lambda _: DiskSpace(free=0, total=100))
    small.receive(images(tmp_path))
    small.settle()
    for step in done:
        step(small)
    small.clock.advance(1000 * DAY)
    plan = small.app.purger().plan()
    assert all(tally.series == 0 for tally in plan.values())
    assert plan[Rule.IMAGES].kept == {Keep.UNFINISHED: 1}
    assert set(purge(small).values()) == {0}
    assert files_in(small) == SLICES


def test_a_full_disk_takes_the_oldest_finished_images_and_stops_when_there_is_room(
    small: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        small.receive(images(tmp_path, str(number), name=f"s{number}"))
        small.settle()
        analyse(small, f"{UID}.{number}")
        deliver(small)
    small.clock.advance(DAY)

    size = small.app.database.series.instances(1)[0].size

    def space(spool: Spool) -> DiskSpace:
        return DiskSpace(free=(3 * SLICES - len(list(spool.digests()))) * size, total=100 * size)

    monkeypatch.setattr(Spool, "space", space)  # 15 of 100 are wanted: two of the three have to go
    plan = small.app.purger().plan()
    assert purge(small) == {Rule.IMAGES: 0, Rule.SPACE: 2, Rule.RESULTS: 0, Rule.JOBS: 0}
    assert [series.images_removed_at is None for series in small.series()] == [False, False, True]
    assert plan[Rule.SPACE].series == 2


def test_a_dry_run_says_what_a_run_then_does(bench: Bench, tmp_path: Path) -> None:
    finished(bench, tmp_path)
    bench.clock.advance(100 * DAY)
    plan = bench.app.purger().plan()
    assert files_in(bench) == SLICES
    assert {rule: tally.series for rule, tally in plan.items()} == purge(bench)
    assert (plan[Rule.IMAGES].files, plan[Rule.RESULTS].files, plan[Rule.JOBS].files) == (SLICES, 1, 2)
    assert set(purge(bench).values()) == {0}


def test_an_old_study_that_is_sent_again_starts_no_analysis(bench: Bench, tmp_path: Path) -> None:
    files = finished(bench, tmp_path)
    bench.clock.advance(31 * DAY)
    purge(bench)
    bench.receive(files)
    bench.settle()
    after = only(bench)
    assert (after.state, after.revision, after.duplicates) == (SeriesState.CLOSED, 1, SLICES)
    assert len(bench.jobs()) == 1
    assert files_in(bench) == SLICES
    bench.clock.advance(31 * DAY)
    assert purge(bench)[Rule.IMAGES] == 1, "what came again goes again"


def test_nor_does_one_whose_headers_the_pacs_has_changed(bench: Bench, tmp_path: Path) -> None:
    finished(bench, tmp_path)
    bench.clock.advance(31 * DAY)
    purge(bench)
    bench.receive(images(tmp_path, "again", StudyDescription="COERCED"))
    bench.settle()
    after = only(bench)
    assert (after.state, after.revision, len(bench.jobs())) == (SeriesState.CLOSED, 1, 1)
    bench.clock.advance(31 * DAY)
    assert purge(bench)[Rule.IMAGES] == 1
    assert files_in(bench) == 0


def test_not_even_when_its_jobs_are_archived(bench: Bench, tmp_path: Path) -> None:
    finished(bench, tmp_path)
    bench.clock.advance(100 * DAY)
    purge(bench)
    bench.receive(images(tmp_path, "again", StudyDescription="COERCED"))
    bench.settle()
    assert (only(bench).state, bench.jobs()) == (SeriesState.CLOSED, [])


def test_an_image_that_was_not_there_before_needs_a_person(bench: Bench, tmp_path: Path) -> None:
    every = images(tmp_path, count=SLICES + 1)
    bench.receive(every[:-1])
    bench.settle()
    analyse(bench)
    deliver(bench)
    bench.clock.advance(31 * DAY)
    purge(bench)
    bench.receive(every[-1:])
    bench.settle()
    assert (only(bench).state, only(bench).reason) == (SeriesState.HELD, Reason.IMAGES_REMOVED)
    store = bench.app.database.series
    assert store.release(1, bench.clock.now(), "anna")
    bench.settle()
    assert only(bench).reason is Reason.IMAGES_REMOVED, "a release does not bring images back"
    bench.receive(every[:-1])
    assert store.release(1, bench.clock.now(), "anna")
    bench.settle()
    assert (only(bench).state, only(bench).revision) == (SeriesState.CLOSED, 2)


def test_a_series_that_was_skipped_is_skipped_again(bench: Bench, tmp_path: Path) -> None:
    bench.receive(images(tmp_path, BodyPartExamined="CHEST"))
    bench.settle()
    bench.clock.advance(31 * DAY)
    assert purge(bench)[Rule.IMAGES] == 1
    bench.receive(images(tmp_path, "again", BodyPartExamined="HEAD"))
    bench.settle()
    assert (only(bench).state, only(bench).reason) == (SeriesState.SKIPPED, Reason.IMAGES_REMOVED)


class Died(BaseException):
    """The process is killed."""


@pytest.mark.parametrize("files_left", [SLICES, 4, 0])
def test_images_that_a_crash_has_left_are_registered_at_the_next_start_and_go_then(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files_left: int
) -> None:
    finished(bench, tmp_path)
    bench.clock.advance(31 * DAY)
    unlink, left = Spool._unlink, [SLICES - files_left]

    def die(spool: Spool, digest: str) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise Died
        return unlink(spool, digest)

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "_unlink", die)
        try:
            bench.app.purger().carry_out(Rule.IMAGES)
        except Died:
            assert files_left
    assert files_in(bench) == files_left
    found = reconcile(bench.app.spool, bench.app.database.series, bench.clock)
    assert (found.registered, found.missing, found.unreadable) == (files_left, 0, 0)
    assert (only(bench).state, only(bench).revision) == (SeriesState.CLOSED, 1)
    assert purge(bench)[Rule.IMAGES] == (files_left > 0)
    assert files_in(bench) == 0


def test_result_files_that_a_crash_has_left_go_after_the_next_start(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(bench, tmp_path)
    bench.app.files.write("2.25.99", b"a result whose row is not written yet")
    bench.clock.advance(61 * DAY)

    def die(*_: object) -> int:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(Purger, "remove_files", die)
        with pytest.raises(Died):
            bench.app.purger().carry_out(Rule.RESULTS)
    report = bench.app.files.path(UID)
    assert report.exists()
    bench.app.retention().tick()
    assert not report.exists()
    assert bench.app.files.path("2.25.99").exists()


def test_rows_stay_when_their_archive_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    finished(bench, tmp_path)
    bench.clock.advance(100 * DAY)
    (bench.home / "archive").write_text("in the way")
    with pytest.raises(Exception, match="archive of the job log"):
        purge(bench)
    assert len(bench.app.database.jobs.of_series(1)) == 2


def test_two_who_purge_at_once_lose_no_line_of_the_archive(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        bench.receive(images(tmp_path, str(number), name=f"s{number}"))
        bench.settle()
        analyse(bench, f"{UID}.{number}")
        deliver(bench)
    bench.clock.advance(100 * DAY)
    for rule in (Rule.IMAGES, Rule.RESULTS):
        bench.app.purger().carry_out(rule)
    csv_text = archive_module.csv_text

    def meanwhile(*arguments: Any, **options: Any) -> str:
        """Stand at the end of the file already while somebody else wants to write there."""
        monkeypatch.setattr(archive_module, "csv_text", csv_text)
        with pytest.raises(SpoolError, match="locked by another process"):
            bench.app.purger().carry_out(Rule.JOBS, after_id=1)
        return csv_text(*arguments, **options)

    monkeypatch.setattr(spool_lock, "_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(archive_module, "csv_text", meanwhile)
    assert bench.app.purger().carry_out(Rule.JOBS)[0].series == 2
    with (bench.home / "archive" / f"jobs-{bench.clock.now().year}.csv").open(newline="") as file:
        assert sorted(int(line["job"]) for line in csv.DictReader(file)) == [1, 2, 3, 4]


def test_a_tick_ends_after_two_seconds_and_the_next_one_goes_on(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        bench.receive(images(tmp_path, str(number), name=f"s{number}", BodyPartExamined="CHEST"))
    bench.settle()
    bench.clock.advance(31 * DAY)
    remove = purger_module.Purger._remove

    def slow(self: Purger, *arguments: object) -> object:
        bench.clock.advance(1.5)
        return remove(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(purger_module.Purger, "_remove", slow)
    keeping = bench.app.retention()
    done = []
    for _ in range(3):
        done.append(keeping.tick())
        assert keeping.tick() == 0
        bench.clock.advance(PAUSE_SECONDS)
    assert done == [2, 1, 0]
