"""A series that breaks the assembler stays alone with its trouble: the others go on, and nothing is lost in silence."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.bench import Bench
from support.ct_factory import ct_series, ct_slice, write, write_series

from hounsfield.daemon.assembly import candidates as candidates_module
from hounsfield.daemon.assembly import images as images_module
from hounsfield.daemon.assembly.identities import IsolatedIdentityReader
from hounsfield.daemon.errors import IdentityUnavailable
from hounsfield.model.geometry import SeriesGeometry, measure
from hounsfield.model.headers import SliceHeader, read_slices
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.states import Outcome, Reason, SeriesState


def states(bench: Bench) -> dict[str, tuple[SeriesState, Reason | None]]:
    return {one.series_uid: (one.state, one.reason) for one in bench.series()}


@pytest.fixture
def poisoned(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two series, of which the first makes the geometry fail; returns both UIDs."""
    bad, good = ct_series(12, name="bad"), ct_series(12, name="good")
    bench.receive(write_series(tmp_path / "bad", bad))
    bench.receive(write_series(tmp_path / "good", good))
    bad_uid = str(bad[0].SeriesInstanceUID)

    def explode(headers: Sequence[SliceHeader]) -> SeriesGeometry:
        if headers[0].series_uid == bad_uid:
            raise RuntimeError("nobody thought of this")
        return measure(headers)

    monkeypatch.setattr(candidates_module, "measure", explode)
    return bad_uid, str(good[0].SeriesInstanceUID)


def test_a_series_that_raises_does_not_stop_the_next_one(bench: Bench, poisoned: tuple[str, str]) -> None:
    bench.settle()
    assert states(bench)[poisoned[1]] == (SeriesState.CLOSED, None)


def test_a_series_that_goes_on_raising_is_held_for_a_person(bench: Bench, poisoned: tuple[str, str]) -> None:
    bench.settle()
    assert states(bench)[poisoned[0]] == (SeriesState.RECEIVING, None), "it may pass: tried again first"
    for _ in range(4):
        bench.clock.advance(60)
        bench.assembler.tick()
    assert states(bench)[poisoned[0]] == (SeriesState.HELD, Reason.INTERNAL)


def test_a_series_that_raises_does_not_stop_another_one_of_its_study(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = {"StudyInstanceUID": "2.25.1234"}
    bad, good = ct_series(20, name="bad", **same), ct_series(12, name="good", **same)
    bad_uid, good_uid = str(bad[0].SeriesInstanceUID), str(good[0].SeriesInstanceUID)

    def explode(headers: Sequence[SliceHeader]) -> SeriesGeometry:
        if headers[0].series_uid == bad_uid:
            raise RuntimeError("nobody thought of this")
        return measure(headers)

    monkeypatch.setattr(candidates_module, "measure", explode)
    bench.receive(write_series(tmp_path / "bad", bad))
    bench.receive(write_series(tmp_path / "good", good))
    bench.settle()
    assert states(bench) == {bad_uid: (SeriesState.RECEIVING, None), good_uid: (SeriesState.CLOSED, None)}


def test_a_series_that_cannot_even_be_read_does_not_stop_another_one_of_its_study(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = {"StudyInstanceUID": "2.25.1234"}
    bad, good = ct_series(20, name="bad", **same), ct_series(12, name="good", **same)
    bad_uid, good_uid = str(bad[0].SeriesInstanceUID), str(good[0].SeriesInstanceUID)

    def explode(path: Path) -> tuple[SliceHeader, ...]:
        found = read_slices(path)
        if found[0].series_uid == bad_uid:
            raise RuntimeError("nobody thought of this")
        return found

    monkeypatch.setattr(images_module, "read_slices", explode)
    bench.receive(write_series(tmp_path / "bad", bad))
    bench.receive(write_series(tmp_path / "good", good))
    bench.settle()
    assert states(bench) == {bad_uid: (SeriesState.RECEIVING, None), good_uid: (SeriesState.CLOSED, None)}


def test_a_database_that_is_down_holds_no_series(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.receive(write_series(tmp_path, ct_series(12)))

    def down(headers: Sequence[SliceHeader]) -> SeriesGeometry:
        raise DatabaseUnavailable("down")

    monkeypatch.setattr(candidates_module, "measure", down)
    bench.clock.advance(60)
    for _ in range(5):
        with pytest.raises(DatabaseUnavailable):
            bench.assembler.tick()
    assert {state for state, _ in states(bench).values()} == {SeriesState.RECEIVING}


def test_an_image_under_the_uid_of_a_companion_is_held_as_a_conflict(bench: Bench, tmp_path: Path) -> None:
    capture = ct_slice(z=0.0, Modality="OT", SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    bench.receive([write(capture, tmp_path / "capture.dcm")])
    bench.receive(write_series(tmp_path / "images", ct_series(12)))
    bench.settle()
    assert set(states(bench).values()) == {(SeriesState.HELD, Reason.CONFLICT)}


def test_positions_beyond_every_patient_are_reported_as_no_geometry(bench: Bench, tmp_path: Path) -> None:
    series = ct_series(12)
    for one in series:
        one.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 0.8, -0.6]
        one.ImagePositionPatient = ["1.7e308", "1.7e308", "1.7e308"]
    bench.receive(write_series(tmp_path, series))
    bench.settle()
    assert set(states(bench).values()) == {(SeriesState.CLOSED, None)}
    bench.worker(0.9).work_one()
    assert [(job.outcome, job.reason) for job in bench.jobs()] == [(Outcome.NOT_ANALYSED, Reason.NO_GEOMETRY)]


def test_a_half_written_answer_about_copies_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess([], -9, stdout='{"path": "/x", "iden', stderr="")

    monkeypatch.setattr(subprocess, "run", killed)
    with pytest.raises(IdentityUnavailable):
        IsolatedIdentityReader(seconds=1, memory_mb=512).read([tmp_path / "x"])


def test_a_machine_without_memory_for_a_process_gives_no_answer_about_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> "subprocess.CompletedProcess[str]":
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "run", refused)
    with pytest.raises(IdentityUnavailable):
        IsolatedIdentityReader(seconds=1, memory_mb=512).read([tmp_path / "x"])
