"""Results written to a folder, and results that go back to who sent the images."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.config.reception import Peer
from hounsfield.daemon.delivery.address import queries_at, stores_at
from hounsfield.daemon.delivery.senders import Senders
from hounsfield.daemon.demo.store_listener import FolderStore
from hounsfield.daemon.pipeline.courier import Courier
from hounsfield.daemon.reception.known_peers import KnownPeers
from hounsfield.storage.records import InstanceRecord, JobRecord
from hounsfield.storage.states import JobKind, JobState, Proof, Reason

Reported = Callable[..., tuple[Bench, Courier]]


@pytest.fixture
def reported(tmp_path: Path) -> Any:
    """Make a bench with one result that waits for the destination."""
    benches: list[Bench] = []

    def make(destination: dict[str, object], **more: Any) -> tuple[Bench, Courier]:
        bench = Bench(tmp_path / "home", [destination], more=more)
        benches.append(bench)
        bench.receive(write_series(tmp_path / "files", ct_series(12)))
        bench.settle()
        bench.worker(0.9).work_one()
        (courier,) = bench.app.couriers()
        return bench, courier

    yield make
    for bench in benches:
        bench.app.database.close()


def delivery(bench: Bench) -> JobRecord:
    (job,) = bench.jobs(JobKind.DELIVER)
    return job


def until_due(bench: Bench) -> None:
    bench.clock.advance(max(0.0, (delivery(bench).available_at - bench.clock.now()).total_seconds()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "handover"
    made.mkdir()
    return made


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*/*")}


def ours(bench: Bench) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in bench.app.files.folder.glob("*.dcm")}


@pytest.mark.parametrize(("proof", "reached"), [("none", Proof.SENT), ("find", Proof.PROVEN)])
def test_a_folder_gets_each_result_set_in_a_sub_folder_byte_for_byte(
    reported: Reported, folder: Path, proof: str, reached: Proof
) -> None:
    bench, courier = reported({"name": "share", "kind": "folder", "folder": str(folder), "proof": proof})
    assert courier.work_one()
    job = delivery(bench)
    assert (job.state, job.proof) == (JobState.COMPLETED, reached)
    assert written(folder) == ours(bench)
    (sub_folder,) = folder.iterdir()
    assert f"{sub_folder.name}.dcm" in ours(bench)
    assert {stat.S_IMODE(path.stat().st_mode) for path in sub_folder.iterdir()} == {0o640}
    proven = [one.proven_at for one in bench.app.database.jobs.delivered_objects(job.id)]
    assert all(at is not None for at in proven) == (reached is Proof.PROVEN)


def test_writing_again_changes_nothing_and_mends_what_was_changed(reported: Reported, folder: Path) -> None:
    bench, courier = reported({"name": "share", "kind": "folder", "folder": str(folder)})
    courier.work_one()
    transport = bench.app._outfitter.plugs_of(bench.app.settings.destination[0]).transport
    result = bench.app.database.jobs.result_set(delivery(bench).result_set_id or 0)
    assert result is not None
    paths = sorted(folder.glob("*/*.dcm"))
    before = [path.stat().st_ino for path in paths]
    transport.send(delivery(bench), result.objects)
    assert [path.stat().st_ino for path in paths] == before
    paths[0].write_bytes(b"torn")
    (paths[1]).unlink()
    report = transport.send(delivery(bench), result.objects)
    assert [one.status for one in report.sent] == [0] * len(result.objects)
    assert written(folder) == ours(bench)


def test_a_file_that_was_taken_out_before_the_proof_is_written_again(reported: Reported, folder: Path) -> None:
    destination = {"name": "share", "kind": "folder", "folder": str(folder), "proof": "find"}
    bench, courier = reported(destination)
    plugs = bench.app._outfitter.plugs_of(bench.app.settings.destination[0])
    result = bench.app.database.jobs.result_set(delivery(bench).result_set_id or 0)
    assert result is not None
    assert plugs.prover is not None
    job = delivery(bench)
    plugs.transport.send(job, result.objects)
    taken = next(folder.glob("*/*.dcm"))
    taken.unlink()
    answer = plugs.prover.prove(job, result.objects, bench.clock.now())
    assert answer.failures == {taken.stem: 0x0112}  # type: ignore[union-attr]
    courier.work_one()
    assert delivery(bench).proof is Proof.PROVEN


def test_a_folder_that_is_not_there_is_waited_for_and_never_made(reported: Reported, folder: Path) -> None:
    """Perhaps a share that is not mounted: what is written under its mount point would be found by nobody."""
    folder.rmdir()
    bench, courier = reported({"name": "share", "kind": "folder", "folder": str(folder)})
    courier.work_one()
    assert (delivery(bench).state, delivery(bench).reason) == (JobState.RETRYABLE, Reason.UNREACHABLE)
    assert not folder.exists()
    folder.mkdir()
    bench.clock.advance(3600)
    for _ in range(3):
        courier.work_one()
    assert delivery(bench).state is JobState.COMPLETED
    assert written(folder) == ours(bench)


def test_a_folder_that_takes_no_files_gives_no_sign_of_life(reported: Reported, folder: Path) -> None:
    bench, _ = reported({"name": "share", "kind": "folder", "folder": str(folder)})
    transport = bench.app._outfitter.plugs_of(bench.app.settings.destination[0]).transport
    assert transport.probe() is None
    assert list(folder.iterdir()) == []
    folder.rmdir()
    folder.write_bytes(b"a file in its place")
    assert transport.probe() is Failure.UNREACHABLE


def test_results_go_back_to_who_sent_the_images_on_this_machine(reported: Reported, tmp_path: Path) -> None:
    """The bench receives from CT at 127.0.0.1."""
    with FolderStore(tmp_path / "ct", ae_title="CT") as scanner:
        bench, courier = reported({"name": "back", "kind": "sender", "port": scanner.port, "allow_demonstration": True})
        courier.work_one()
        assert delivery(bench).state is JobState.COMPLETED
        assert {path.name for path in scanner.files()} == set(ours(bench))


def test_a_sender_that_is_down_is_tried_again(reported: Reported, tmp_path: Path) -> None:
    with FolderStore(tmp_path / "ct", ae_title="CT") as scanner:
        port = scanner.port
    bench, courier = reported({"name": "back", "kind": "sender", "port": port, "allow_demonstration": True})
    assert courier.work_one()
    assert (delivery(bench).state, delivery(bench).reason) == (JobState.RETRYABLE, Reason.UNREACHABLE)
    with FolderStore(tmp_path / "ct", ae_title="CT", port=port) as scanner:
        until_due(bench)
        assert courier.work_one()
        assert {path.name for path in scanner.files()} == set(ours(bench))
    assert delivery(bench).state is JobState.COMPLETED


def image(ae_title: str, address: str) -> InstanceRecord:
    made = object.__new__(InstanceRecord)
    object.__setattr__(made, "calling_ae", ae_title)
    object.__setattr__(made, "peer_address", address)
    return made


class Received:
    def __init__(self, *images: InstanceRecord) -> None:
        self._images = images

    def instances(self, series_id: int, revision: int | None = None) -> list[InstanceRecord]:
        assert (series_id, revision) == (7, 2)
        return list(self._images)


def job_of_seven() -> JobRecord:
    made = object.__new__(JobRecord)
    object.__setattr__(made, "series_id", 7)
    object.__setattr__(made, "revision", 2)
    return made


@pytest.mark.parametrize(
    ("images", "host"),
    [
        ([("CT1", "192.0.2.7")], "192.0.2.7"),
        ([("CT1", "::ffff:192.0.2.7")], "192.0.2.7"),
        ([("CT1", "192.0.2.8")], None),
        ([("CT2", "192.0.2.7")], None),
        ([("ANY", "127.0.0.1")], "127.0.0.1"),
        ([("CT1", "192.0.2.7"), ("ROUTER", "192.0.2.9"), ("ROUTER", "192.0.2.9")], None),
        ([("CT1", "somewhere")], None),
        ([], None),
    ],
    ids=["known", "mapped", "another address", "another title", "loopback", "most from elsewhere", "nonsense", "gone"],
)
def test_results_go_back_only_to_a_configured_sender_of_most_of_the_images(
    images: list[tuple[str, str]], host: str | None
) -> None:
    known = KnownPeers([Peer(ae_title="CT1", host=("192.0.2.7",))], _Clock())
    senders = Senders(Received(*(image(*one) for one in images)), known)
    sender = senders.of(job_of_seven())
    assert (None if sender is None else sender.host) == host
    destination = Destination(name="back", kind="sender", port=11113, query_port=104, query_ae_title="QR")
    storage, query = (
        stores_at(destination, "US", senders)(job_of_seven()),
        queries_at(destination, "US", senders)(job_of_seven()),
    )
    if host is None:
        assert (storage, query) == (None, None)
    else:
        assert storage is not None
        assert query is not None
        assert (storage.host, storage.port, storage.ae_title, storage.calling_ae) == (host, 11113, images[0][0], "US")
        assert (query.host, query.port, query.ae_title) == (host, 104, "QR")


class _Clock:
    def now(self) -> Any:
        raise NotImplementedError

    def monotonic(self) -> float:
        return 0.0


def test_a_result_whose_sender_nobody_knows_is_not_sent_anywhere(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, courier = reported({"name": "back", "kind": "sender", "port": 104, "allow_demonstration": True})
    monkeypatch.setattr(Senders, "of", lambda *_: None)
    courier.work_one()
    assert delivery(bench).reason is Reason.UNKNOWN_SENDER
    assert delivery(bench).state in (JobState.HELD, JobState.DISCARDED)
