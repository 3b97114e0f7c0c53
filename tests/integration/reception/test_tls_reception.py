"""DICOM over TLS, with DCMTK's senders and our own: who gets in, and that every byte arrives."""

import hashlib
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.ct_factory import ct_series, write_series
from support.datasets import dataset_bytes, element, tiny
from support.pdu_wire import associate_request, connected, dial, echo, store_message
from support.peers import run_tool
from support.reception import Reception, receiving
from support.tls import TLS_1_2, Files, authority, client_context
from support.waiting import wait_until
from support.wire import ASSOCIATE_RJ

from hounsfield.daemon.cli.trial_authority import Issued, TrialAuthority
from hounsfield.daemon.config.reception import Peer

HOSTS = ("localhost", "127.0.0.1")
MIB = 1024 * 1024


@dataclass(frozen=True)
class Place:
    """An authority, its files, and the folder where clients keep theirs."""

    ours: TrialAuthority
    files: Files
    folder: Path

    def client(self, name: str = "CT1", version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        return client_context(self.ours, self.folder, self.ours.client(name), version=version)

    def dcmtk(self, shown: Issued) -> list[str | Path]:
        """Options of a DCMTK program that shows a certificate."""
        certificate, key = self.folder / "dcmtk.pem", self.folder / "dcmtk.key"
        certificate.write_bytes(shown.certificate)
        key.write_bytes(shown.key)
        return ["+tls", key, certificate, "+cf", self.files.authority, "-aec", "HOUNSFIELD"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("tls")
    made = Place(authority(), Files(folder / "server"), folder)
    made.files.write(made.ours, made.ours.server(HOSTS))
    return made


@pytest.fixture(scope="module", params=[True, False], ids=["short-path", "library-path"])
def reception(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, place: Place
) -> Iterator[Reception]:
    folder = tmp_path_factory.mktemp("reception")
    with receiving(folder, tls=place.files.settings(), short_path=request.param, max_pdu_bytes=MIB) as running:
        yield running


def sum_of(data: bytes) -> tuple[int, str]:
    return len(data), hashlib.sha256(data).hexdigest()


def test_dcmtk_is_answered_and_its_images_arrive_byte_for_byte(
    reception: Reception, place: Place, tmp_path: Path
) -> None:
    options = place.dcmtk(place.ours.client("CT1"))
    done = run_tool("echoscu", *options, "localhost", str(reception.tls_port))
    assert done.returncode == 0, done.stderr
    paths = write_series(tmp_path, ct_series(3, name=str(id(reception))))
    before = len(reception.store.receipts)
    done = run_tool("storescu", "-xe", *options, "localhost", str(reception.tls_port), *paths)
    assert done.returncode == 0, done.stderr
    received = [reception.dataset(one.digest) for one in reception.store.receipts[before:]]
    assert sorted(received) == sorted(dataset_bytes(path) for path in paths)


@pytest.mark.parametrize("version", [TLS_1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("longest_pdu", [5000, MIB])
def test_large_instances_arrive_unchanged_while_the_buffer_is_used_again(
    reception: Reception, place: Place, version: ssl.TLSVersion, longest_pdu: int
) -> None:
    sent = {}
    for number, size in enumerate((MIB - 100, 2 * MIB + 7, 3_670_017), start=1):
        name = f"1.2.{version.value}.{longest_pdu}.{number}"
        pixels = random.Random(name).randbytes(size)
        sent[name] = tiny(instance=name, more=element(0x7FE00010, b"OW", pixels))
    messages = [store_message(data, name, n, longest_pdu=longest_pdu) for n, (name, data) in enumerate(sent.items(), 1)]
    with connected(reception.tls_port, tls=place.client(version=version)) as wire:
        for number, message in enumerate(messages, start=1):
            wire.send(message)  # an SSL object is not for two threads: it is read after each
            assert wire.statuses(1) == [(number, 0)]
        wire.send(messages[0] + echo(8) + messages[0])
        assert sorted(wire.statuses(3)) == [(1, 0), (1, 0), (8, 0)]
    found = {one.sop_instance_uid: one.digest for one in reception.store.receipts}
    assert {name: sum_of(reception.dataset(found[name])) for name in sent} == {n: sum_of(d) for n, d in sent.items()}


def test_bytes_that_tls_has_already_read_are_not_waited_for(reception: Reception, place: Place) -> None:
    """One record holds many messages: no poll tells of those that are decrypted and lie in OpenSSL's buffer."""
    with connected(reception.tls_port, tls=place.client()) as wire:
        begun = time.monotonic()
        wire.send(b"".join(echo(number) for number in range(100)))
        assert wire.statuses(100) == [(number, 0) for number in range(100)]
        assert time.monotonic() - begun < 5


def test_a_client_without_a_certificate_is_refused(reception: Reception, place: Place) -> None:
    anonymous = client_context(place.ours, place.folder)
    with suppress(OSError), dial(reception.tls_port, anonymous) as wire:  # an alert or a reset, now or a moment later
        wire.send(associate_request())
        assert wire.read()[0] == 0, "nothing but the end"
    stranger = authority("another authority").client("CT1")
    done = run_tool("echoscu", *place.dcmtk(stranger), "localhost", str(reception.tls_port))
    assert done.returncode != 0


def test_a_plain_connection_to_the_tls_port_and_tls_to_the_plain_port_are_closed(
    reception: Reception, place: Place
) -> None:
    with dial(reception.tls_port) as plain:
        plain.send(associate_request())
        with suppress(ConnectionError):
            while plain.socket.recv(1000):  # an alert of TLS
                pass
    with pytest.raises(OSError):  # noqa: PT011 - an alert or a reset
        dial(reception.port, place.client())
    with connected(reception.tls_port, tls=place.client()) as wire:
        wire.send(echo())
        assert wire.statuses(1) == [(7, 0)]


def test_silent_connections_delay_nobody(reception: Reception, place: Place) -> None:
    hello = b"\x16\3\1\2\0\1\0\1\xfc\3\3"
    silent = [socket.create_connection(("127.0.0.1", reception.tls_port), timeout=5) for _ in range(20)]
    for one in silent[::2]:
        one.sendall(hello)
    begun = time.monotonic()
    with connected(reception.tls_port, tls=place.client()) as wire:
        wire.send(echo())
        assert wire.statuses(1) == [(7, 0)]
    assert time.monotonic() - begun < 2
    for one in silent:
        one.close()


def test_a_client_that_closes_inside_an_image_leaves_nothing_behind(reception: Reception, place: Place) -> None:
    before = set(reception.files())
    message = store_message(tiny(more=element(0x7FE00010, b"OW", bytes(100_000))), longest_pdu=10_000)
    for place_of_the_cut in (10, 300, 50_000):
        with dial(reception.tls_port, place.client()) as wire:
            wire.associate()
            wire.send(message[:place_of_the_cut])
    wait_until(lambda: not reception.receiver._running())
    assert set(reception.files()) == before


def test_a_peer_is_known_by_its_certificate_and_not_by_its_title(place: Place, tmp_path: Path) -> None:
    known, other = place.ours.client("CT1"), place.ours.client("CT2")
    peer = Peer(ae_title="SCANNER", host="127.0.0.1", certificate=known.fingerprint)
    with receiving(tmp_path, tls=place.files.settings(), peers=(peer,)) as reception:
        with connected(reception.tls_port, tls=client_context(place.ours, tmp_path, known)) as wire:
            wire.send(echo())
            assert wire.statuses(1) == [(7, 0)]
        for port, context in (
            (reception.tls_port, client_context(place.ours, tmp_path, other)),
            (reception.port, None),
        ):
            with dial(port, context) as wire:
                wire.send(associate_request())
                kind, body = wire.read()
                assert (kind, tuple(body[1:])) == (ASSOCIATE_RJ, (1, 1, 3))


def test_replaced_files_count_without_a_restart_and_open_associations_live_on(tmp_path: Path) -> None:
    old, new = authority("old"), authority("new")
    files = Files(tmp_path / "server")
    files.write(old, old.server(HOSTS))
    with (
        receiving(tmp_path / "reception", tls=files.settings()) as reception,
        connected(reception.tls_port, tls=client_context(old, tmp_path, old.client("CT1"))) as before,
    ):
        files.write(new, new.server(HOSTS))
        renewed = client_context(new, tmp_path, new.client("CT1"))

        def gets_in() -> bool:
            try:
                with connected(reception.tls_port, tls=renewed) as wire:
                    wire.send(echo())
                    return wire.statuses(1) == [(7, 0)]
            except OSError:
                return False

        wait_until(gets_in)
        before.send(echo(3))
        assert before.statuses(1) == [(3, 0)]


def test_stopping_ends_associations_over_tls_too(place: Place, tmp_path: Path) -> None:
    threads = threading.active_count()
    with receiving(tmp_path, tls=place.files.settings()) as reception, dial(reception.tls_port, place.client()) as wire:
        wire.associate()
        silent = socket.create_connection(("127.0.0.1", reception.tls_port), timeout=5)
        wait_until(lambda: len(reception.receiver._running()) == 1)
        begun = time.monotonic()
        reception.receiver.stop(5.0)
        assert time.monotonic() - begun < 5
        assert wire.ending() in ("abort", "closed")
        silent.close()
    wait_until(lambda: threading.active_count() <= threads)


def test_tls_files_that_cannot_be_used_are_told_at_the_start_and_plain_dicom_goes_on(tmp_path, capsys):
    files = Files(tmp_path / "nothing")
    with receiving(tmp_path, tls=files.settings()) as reception, connected(reception.port) as wire:
        wire.send(store_message(tiny(), "1.2.3.4"))
        assert wire.answer().status == 0x0000
        said = capsys.readouterr().out
    assert "TLS files cannot be used" in said
    assert "tls.certificate" in said
