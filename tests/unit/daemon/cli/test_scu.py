"""The SCU behind `send`, `echo` and the demonstration, against a real Storage SCP on loopback."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom.acse import ACSE
from support.scp import Scp, listening, write_instance
from support.scripted import read_pdu, scripted
from support.waiting import wait_until
from support.wire import ASSOCIATE_RJ, pdu
from typer.testing import CliRunner

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.errors import Misaddressed, PeerFailed
from hounsfield.daemon.scu import (
    MAX_CONTEXTS,
    Outcome,
    Peer,
    Sendable,
    batches,
    contexts_of,
    echo,
    parse_address,
    scan,
    store,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Scp]:
    with listening() as peer:
        yield peer


@pytest.fixture
def scp(server: Scp) -> Scp:
    server.forget()
    return server


def test_the_bytes_on_the_wire_are_the_bytes_of_the_file(scp: Scp, tmp_path: Path) -> None:
    path = write_instance(tmp_path / "a" / "one.dcm")
    outcomes: list[Outcome] = []
    kept = store(scp.peer, scan([tmp_path]).files, outcomes.append)
    assert kept == 1
    assert outcomes == [Outcome(path, 0x0000)]
    syntax, data = scp.received[0]
    assert syntax == ExplicitVRLittleEndian
    assert data
    assert path.read_bytes().endswith(data)


def test_a_transfer_syntax_the_peer_does_not_take_fails_only_its_files(scp: Scp, tmp_path: Path) -> None:
    plain = write_instance(tmp_path / "plain.dcm")
    packed = write_instance(tmp_path / "packed.dcm", JPEG2000Lossless)
    outcomes: dict[Path, Outcome] = {}
    kept = store(scp.peer, scan([tmp_path]).files, lambda outcome: outcomes.update({outcome.path: outcome}))
    assert kept == 1
    assert outcomes[plain].problem is None
    assert "does not accept" in str(outcomes[packed].problem)


def test_a_failure_status_is_told_with_its_words(scp: Scp, tmp_path: Path) -> None:
    scp.status = 0xA700
    outcomes: list[Outcome] = []
    assert store(scp.peer, scan([write_instance(tmp_path / "one.dcm")]).files, outcomes.append) == 0
    assert outcomes[0].status == 0xA700
    assert "A700" in str(outcomes[0].problem)


def test_a_wrong_called_title_is_told_as_a_rejection(scp: Scp) -> None:
    with pytest.raises(PeerFailed, match=r"rejected the association.*called AE title"):
        echo(Peer("127.0.0.1", scp.port, "OTHER"))


def test_nothing_listening_is_told_with_the_address() -> None:
    with pytest.raises(PeerFailed, match=r"127\.0\.0\.1:1: nothing answers"):
        echo(Peer("127.0.0.1", 1, "STORE"))


@pytest.mark.parametrize("host", ["pacs.invalid", "pacs..hospital", 64 * "p"])
def test_a_name_that_no_host_has_is_told_as_such(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def look_up(name: str | None, *rest: Any, **options: Any) -> Any:
        if name == "pacs.invalid":  # without asking a name server
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(name, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(PeerFailed, match=rf"no association with {host}:104: the name of the host is not known"):
        echo(Peer(host, 104, "STORE"))


def test_an_echo_tells_how_long_it_took(scp: Scp) -> None:
    assert 0 < echo(scp.peer) < 5


def test_files_that_are_not_dicom_are_left_out_and_named(tmp_path: Path) -> None:
    write_instance(tmp_path / "deep" / "er" / "one.dcm")
    note = tmp_path / "note.txt"
    note.write_text("no image")
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(bytes(128) + b"DICM" + b"\xff" * 7)
    found = scan([tmp_path])
    assert [file.path.name for file in found.files] == ["one.dcm"]
    assert sorted(path.name for path in found.not_dicom) == ["broken.dcm", "note.txt"]


def test_a_path_that_is_not_there_is_a_usage_fault(tmp_path: Path) -> None:
    with pytest.raises(Misaddressed, match="does not exist"):
        scan([tmp_path / "nowhere"])
    result = CliRunner().invoke(app, ["send", str(tmp_path / "nowhere"), "--to", "127.0.0.1:11112", "--called", "X"])
    assert result.exit_code == 2


@pytest.mark.parametrize("text", ["", "host", "host:", ":104", "host:0", "host:65536", "host:port"])
def test_an_address_in_another_form_is_a_usage_fault(text: str) -> None:
    with pytest.raises(Misaddressed, match="HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("pacs:104", ("pacs", 104)), ("[::1]:11112", ("::1", 11112)), ("10.0.0.1:4", ("10.0.0.1", 4))],
)
def test_an_address_gives_host_and_port(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("title", ["", "   ", "SEVENTEEN_LETTERS", "Ü", "A\\B"])
def test_an_ae_title_the_standard_does_not_allow_is_a_usage_fault(title: str) -> None:
    with pytest.raises(Misaddressed):
        Peer("127.0.0.1", 104, title)


def test_more_pairs_than_contexts_take_several_associations(tmp_path: Path) -> None:
    files = [Sendable(tmp_path / str(i), f"1.2.{i % 200}", ExplicitVRLittleEndian, 1) for i in range(400)]
    groups = list(batches(files))
    assert [len(contexts_of(group)) for group in groups] == [MAX_CONTEXTS, 200 - MAX_CONTEXTS]
    assert sorted(file.path for group in groups for file in group) == sorted(file.path for file in files)


def test_a_rejection_is_told_even_if_it_is_there_before_we_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library takes it for a connection that was never made (a peer at hand, and a busy machine)."""
    send_request = ACSE.send_request

    def and_be_late(acse: ACSE) -> None:
        send_request(acse)
        wait_until(lambda: acse.dul.to_user_queue.qsize() > 0)
        wait_until(lambda: acse.dul.state_machine.current_state == "Sta1")

    def rejecting(connection: socket.socket) -> None:
        read_pdu(connection)
        connection.sendall(pdu(ASSOCIATE_RJ, bytes((0, 1, 1, 7))))

    monkeypatch.setattr(ACSE, "send_request", and_be_late)
    with scripted(rejecting) as port, pytest.raises(PeerFailed, match="rejected the association"):
        echo(Peer("127.0.0.1", port, "PACS", "HOUNSFIELD"))
