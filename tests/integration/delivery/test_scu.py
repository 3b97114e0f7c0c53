"""Sending to peers that take, refuse, reject, hang up or are not there."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config, build_context, evt
from support.destinations import route
from support.peers import free_port
from support.reports import request

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.scu import SendReport, SentObject, echo, send
from hounsfield.daemon.demo.store_listener import FolderStore
from hounsfield.daemon.errors import DeliveryError
from hounsfield.daemon.results.registry import build

SR, SC, CT = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.2"
META_PREFIX = 132 + 12
"""Preamble, DICM and the group length element."""


@dataclass
class Peer:
    """A peer of our own that notes what it was offered and got."""

    port: int = 0
    offered: list[tuple[str, list[str]]] = field(default_factory=list)
    calling: list[str] = field(default_factory=list)
    data_sets: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def peer(
    classes: tuple[str, ...] = (SR, SC),
    answer: Callable[[evt.Event], int] = lambda event: 0,
    syntax: str = ExplicitVRLittleEndian,
    **settings: object,
) -> Iterator[Peer]:
    noted = Peer()

    def requested(event: evt.Event) -> None:
        requestor = event.assoc.requestor
        noted.offered += [(str(c.abstract_syntax), list(c.transfer_syntax)) for c in requestor.requested_contexts]
        noted.calling.append(requestor.primitive.calling_ae_title)

    def store(event: evt.Event) -> int:
        noted.data_sets[event.request.AffectedSOPInstanceUID] = event.request.DataSet.getvalue()
        return answer(event)

    ae = AE(ae_title="PEER")
    for name, value in settings.items():
        setattr(ae, name, value)
    for sop_class in classes:
        ae.add_supported_context(sop_class, syntax)
    handlers = [(evt.EVT_REQUESTED, requested), (evt.EVT_C_STORE, store)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    noted.port = server.server_address[1]
    try:
        yield noted
    finally:
        # takes half a second that no test has to wait for: the port is nobody else's
        threading.Thread(target=server.shutdown, daemon=True).start()


@pytest.fixture
def objects(tmp_path: Path) -> list[Path]:
    """Return the files of a report and its page."""
    return written(tmp_path)


def written(folder: Path) -> list[Path]:
    paths = []
    for built in build(request(), ("sr", "sc")):
        paths.append(folder / f"{built.sop_instance_uid}.dcm")
        paths[-1].write_bytes(built.content)
    return paths


def data_set_of(path: Path) -> bytes:
    content = path.read_bytes()
    return content[META_PREFIX + int.from_bytes(content[140:144], "little") :]


def test_the_bytes_of_the_file_arrive_unchanged(objects: list[Path]) -> None:
    with peer() as found:
        report = send(route(found.port, "PEER"), objects)
    assert report == SendReport(tuple(SentObject(path.stem, 0) for path in objects))
    assert found.data_sets == {path.stem: data_set_of(path) for path in objects}


def test_bytes_that_pydicom_would_mend_arrive_unchanged_too(objects: list[Path]) -> None:
    path = objects[1]
    content = path.read_bytes()
    # a retired group length, which any decoding and encoding drops (PS3.5 7.2)
    start = len(content) - len(data_set_of(path))
    path.write_bytes(content[:start] + b"\x08\0\0\0UL\x04\0\0\0\0\0" + content[start:])
    with peer() as found:
        send(route(found.port, "PEER"), [path])
    assert found.data_sets[path.stem] == data_set_of(path)
    assert found.data_sets[path.stem].startswith(b"\x08\0\0\0UL")


def test_only_the_classes_being_sent_are_proposed(objects: list[Path]) -> None:
    with peer(classes=(SR, SC, CT)) as found:
        send(route(found.port, "PEER"), objects[:1])
        send(route(found.port, "PEER", calling_ae="SPECIAL"), objects)
    explicit = [ExplicitVRLittleEndian]
    assert found.offered == [(SR, explicit), (SR, explicit), (SC, explicit)]
    assert found.calling == ["HOUNSFIELD", "SPECIAL"]


def test_an_answer_stands_for_its_object(objects: list[Path]) -> None:
    answers = {objects[0].stem: 0xA700, objects[1].stem: 0xB007}
    with peer(answer=lambda event: answers[event.request.AffectedSOPInstanceUID]) as found:
        report = send(route(found.port, "PEER"), objects)
    assert report == SendReport(tuple(SentObject(uid, status) for uid, status in answers.items()))


def test_a_class_that_is_not_taken_does_not_keep_the_others_back(objects: list[Path]) -> None:
    with peer(classes=(SC,)) as found:
        report = send(route(found.port, "PEER"), objects)
    assert report == SendReport((SentObject(objects[1].stem, 0),), Failure.NOT_ACCEPTED)


def test_a_peer_that_takes_none_of_the_classes_is_told_from_one_that_is_away(objects: list[Path]) -> None:
    with peer(classes=(CT,)) as found:
        assert send(route(found.port, "PEER"), objects) == SendReport(failure=Failure.NOT_ACCEPTED)
    with peer(syntax=ImplicitVRLittleEndian) as found:
        assert send(route(found.port, "PEER"), objects) == SendReport(failure=Failure.NOT_ACCEPTED)


def test_a_peer_that_does_not_know_us_rejects_for_good(objects: list[Path]) -> None:
    with peer(require_called_aet=True) as found:
        assert send(route(found.port, "OTHER"), objects) == SendReport(failure=Failure.REJECTED)


def test_a_peer_at_its_limit_rejects_for_now(objects: list[Path]) -> None:
    with peer(maximum_associations=1) as found:
        held = AE().associate("127.0.0.1", found.port, contexts=[build_context(SR)])
        assert held.is_established
        assert send(route(found.port, "PEER"), objects) == SendReport(failure=Failure.BUSY)
        held.release()


def test_a_peer_that_hangs_up_leaves_the_rest_unsent(objects: list[Path]) -> None:
    def hang_up(event: evt.Event) -> int:
        if event.request.AffectedSOPInstanceUID == objects[1].stem:
            event.assoc.abort()
        return 0

    with peer(answer=hang_up) as found:
        report = send(route(found.port, "PEER"), objects)
    assert report == SendReport((SentObject(objects[0].stem, 0),), Failure.BROKEN_OFF)


def test_a_peer_that_is_not_there_is_unreachable(objects: list[Path]) -> None:
    assert send(route(free_port(), "PEER"), objects) == SendReport(failure=Failure.UNREACHABLE)
    assert send(route(104, "PEER", host="pacs.invalid"), objects) == SendReport(failure=Failure.UNREACHABLE)


def test_a_port_that_accepts_and_says_nothing_is_given_up_in_time(objects: list[Path]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        there = route(silent.getsockname()[1], "PEER", acse_timeout_seconds=0.3)
        assert send(there, objects) == SendReport(failure=Failure.UNREACHABLE)


def test_no_objects_need_no_association() -> None:
    assert send(route(free_port()), []) == SendReport()


def test_a_file_that_cannot_be_read_is_no_fault_of_the_peer(tmp_path: Path) -> None:
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(b"not DICOM")
    for path in (broken, tmp_path / "lost.dcm"):
        with pytest.raises(DeliveryError, match="cannot be read"):
            send(route(free_port()), [path])


def test_an_echo_tells_whether_and_why_not(tmp_path: Path) -> None:
    with FolderStore(tmp_path, ae_title="FOLDER") as store:
        assert echo(route(store.port, "FOLDER")) is None
    assert echo(route(store.port, "FOLDER")) == Failure.UNREACHABLE
    with peer() as found:
        assert echo(route(found.port, "PEER")) == Failure.NOT_ACCEPTED


def test_the_folder_store_keeps_what_it_gets(tmp_path: Path, objects: list[Path]) -> None:
    with FolderStore(tmp_path / "pacs") as store:
        for _ in range(2):
            report = send(route(store.port, store.ae_title), objects)
            assert [entry.status for entry in report.sent] == [0, 0]
    assert [path.name for path in store.files()] == sorted(path.name for path in objects)
    assert list((tmp_path / "pacs").glob("*.part")) == []
    for path in objects:
        assert data_set_of(tmp_path / "pacs" / path.name) == data_set_of(path)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("uid", ["../../evil", "1.2.3/4", "..", "a.b"])
def test_a_uid_that_is_none_never_becomes_a_file_name(tmp_path: Path, uid: str) -> None:
    hostile = tmp_path / "hostile.dcm"
    built = build(request(), ("sc",))[0]
    padded = uid.encode().ljust(len(built.sop_instance_uid.encode()), b"\0")
    hostile.write_bytes(built.content.replace(built.sop_instance_uid.encode(), padded))
    with FolderStore(tmp_path / "pacs") as store:
        report = send(route(store.port, store.ae_title), [hostile])
    assert all(entry.status == 0xC000 for entry in report.sent)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [hostile]


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with FolderStore(tmp_path) as first, pytest.raises(DeliveryError, match=f"127.0.0.1:{first.port}"):
        FolderStore(tmp_path, port=first.port).start()


def test_sending_relies_on_a_switch_that_pynetdicom_still_has(objects: list[Path]) -> None:
    assert hasattr(_config, "STORE_SEND_CHUNKED_DATASET")
    send(route(free_port()), objects)
    assert _config.STORE_SEND_CHUNKED_DATASET is True
