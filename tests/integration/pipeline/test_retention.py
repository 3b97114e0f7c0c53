"""Series that no rule takes are kept for a time, then their images go; nothing else ever does."""

from pathlib import Path

import pytest
from support.bench import Bench
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.retention import unmatched as retention
from hounsfield.daemon.retention.unmatched import PAUSE_SECONDS, Unmatched
from hounsfield.storage.records import SeriesRecord
from hounsfield.storage.states import Reason, SeriesState

DAY = 86400.0


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "home")


def keeper(bench: Bench, days: float = 14.0) -> Unmatched:
    return Unmatched(series=bench.app.database.series, spool=bench.app.spool, keep_days=days, clock=bench.clock)


def received(bench: Bench, folder: Path, salt: str, images: int = 3) -> tuple[SeriesRecord, list[Path]]:
    """Receive a series; return its row and the files of its images in the spool."""
    before = {row.id for row in bench.series()}
    bench.receive(write_series(folder / salt, ct_series(images, name=salt)))
    (row,) = [row for row in bench.series() if row.id not in before]
    store = bench.app.database.series
    return row, [bench.app.spool.path(instance.digest) for instance in store.instances(row.id)]


def unmatched(bench: Bench, folder: Path, salt: str, images: int = 3) -> tuple[SeriesRecord, list[Path]]:
    row, files = received(bench, folder, salt, images)
    assert bench.app.database.series.skip(row, Reason.NO_RULE, bench.clock.now())
    return row, files


def test_what_no_rule_takes_goes_after_its_time_and_its_row_stays(bench: Bench, tmp_path: Path) -> None:
    row, files = unmatched(bench, tmp_path, "a")
    keeping = keeper(bench)
    bench.clock.advance(14 * DAY - 1)
    assert keeping.tick() == 0
    assert all(file.exists() for file in files)
    bench.clock.advance(PAUSE_SECONDS)
    assert keeping.tick() == 1
    assert not any(file.exists() for file in files)
    (after,) = bench.series()
    assert (after.id, after.state, after.reason, after.instances) == (row.id, SeriesState.SKIPPED, Reason.NO_RULE, 0)


def test_series_of_any_other_state_or_reason_stay(bench: Bench, tmp_path: Path) -> None:
    store, now = bench.app.database.series, bench.clock.now()
    kept: list[Path] = []
    for number, reason in enumerate((Reason.BODY_PART, Reason.OPERATOR, Reason.ANOTHER_SERIES)):
        row, files = received(bench, tmp_path, f"skipped-{number}")
        assert store.skip(row, reason, now)
        kept += files
    row, files = received(bench, tmp_path, "held")
    assert store.hold(row, Reason.CONFLICT, now)
    _, receiving = received(bench, tmp_path, "receiving")
    bench.clock.advance(1000 * DAY)
    assert keeper(bench).tick() == 0
    assert all(file.exists() for file in (*kept, *files, *receiving))


def test_a_series_that_is_replayed_or_gets_an_image_is_kept_anew(bench: Bench, tmp_path: Path) -> None:
    row, files = unmatched(bench, tmp_path, "a")
    bench.clock.advance(14 * DAY + 1)
    assert bench.app.database.series.replay(row.id, bench.clock.now(), "anna")
    assert keeper(bench).tick() == 0
    assert all(file.exists() for file in files)


def test_it_works_once_a_minute_and_a_bounded_while(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_SERIES", 2)
    for number in range(5):
        unmatched(bench, tmp_path, f"s{number}", images=1)
    bench.clock.advance(15 * DAY)
    keeping = keeper(bench)
    done = []
    for _ in range(4):
        done.append(keeping.tick())
        assert keeping.tick() == 0
        bench.clock.advance(PAUSE_SECONDS)
    assert done == [2, 2, 1, 0]


def test_a_disk_that_refuses_is_tried_again_in_a_minute(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hounsfield.storage.errors import SpoolError

    unmatched(bench, tmp_path, "a")
    bench.clock.advance(15 * DAY)
    keeping = keeper(bench)

    def refuse(forget: object, registered: object) -> int:
        raise SpoolError("the spool is locked")

    with monkeypatch.context() as patched:
        patched.setattr(bench.app.spool, "remove", refuse)
        with pytest.raises(SpoolError):
            keeping.tick()
        assert keeping.tick() == 0
    bench.clock.advance(PAUSE_SECONDS)
    assert keeping.tick() == 1
