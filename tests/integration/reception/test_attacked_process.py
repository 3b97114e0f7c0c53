"""What hits the receiver's process as a whole: signals, the clock, descriptors, a full disk, a silent TLS client."""

import signal
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.attacks import siege, stores
from support.attacks.limits import DEADLINE_SECONDS, SHORT_DEADLINES, SLACK_SECONDS, STALL_SECONDS, shortcomings
from support.attacks.watch import observe, store_one, warm_up
from support.certificates import self_signed
from support.launcher import OPTION
from support.peers import free_port
from support.receiver_process import ReceiverProcess, running
from support.waiting import wait_until
from support.wire import (
    ABORT,
    ALLOWED,
    P_DATA,
    RELEASE_RQ,
    Closed,
    Connection,
    connected,
    new_uid,
    release_rp,
    status_of,
    store_pdus,
)

LAUNCHER = "support.launcher"


def test_at_sigterm_what_is_in_flight_is_answered_associations_are_ended_and_the_exit_status_is_0(tmp_path):
    with running(ReceiverProcess(tmp_path / "home")) as receiver, connected(receiver.port) as idle:
        idle.associate()
        instance = new_uid()
        data = stores.image(instance)
        pdus = store_pdus(data, instance, fragment=16000)
        with connected(receiver.port, ALLOWED) as busy, connected(receiver.port):  # and one that says nothing
            busy.associate()
            busy.send(b"".join(pdus[:10]))
            begun = time.monotonic()
            receiver.send_signal(signal.SIGTERM)
            assert farewell(idle) in (RELEASE_RQ, ABORT), "the idle one is not left waiting"
            busy.send(b"".join(pdus[10:]))
            kind, body = busy.receive()
            assert kind == P_DATA, "what was in flight is answered"
            status = status_of(body)
            assert status in (0x0000, 0xA700)
            assert farewell(busy) in (RELEASE_RQ, ABORT)
            assert receiver.wait(20) == 0
            assert time.monotonic() - begun < 20
        assert (data in receiver.data_sets()) == (status == 0x0000)
        assert len(receiver.instances()) == (status == 0x0000)


def farewell(connection: Connection) -> int:
    """Take the server's wish to end the association, and agree; return what PDU it was."""
    kind, _ = connection.receive()
    with suppress(Closed, OSError):
        if kind == RELEASE_RQ:
            connection.send(release_rp())
    return kind


def test_a_wall_clock_that_steps_ends_no_association_and_stops_no_deadline(tmp_path):
    receiver = ReceiverProcess(tmp_path / "home", prefix=[LAUNCHER], settings=SHORT_DEADLINES)
    with running(receiver), connected(receiver.port) as association:
        association.associate()
        instance = new_uid()
        stepped = new_uid()
        assert association.store(stores.image(instance, 1000), instance) == 0x0000
        receiver.send_signal(signal.SIGUSR1)
        assert not association.is_ended_within(1.5), "two hours forward: an idle association goes on"
        association.socket.settimeout(10)
        assert association.store(stores.image(stepped, 1000), stepped) == 0x0000
        receiver.send_signal(signal.SIGUSR2)
        with connected(receiver.port) as silent, connected(receiver.port) as stuck:
            stuck.associate()
            stuck.send(store_pdus(stores.image(new_uid()), new_uid())[0])
            assert stuck.is_ended_within(STALL_SECONDS + SLACK_SECONDS), "an hour back: a stall still ends"
            assert silent.is_ended_within(DEADLINE_SECONDS + SLACK_SECONDS), "an hour back: silence still ends"
        assert association.store(stores.image(stepped, 1000), stepped) == 0x0000


def test_with_more_than_1024_descriptors_senders_are_served(tmp_path):
    receiver = ReceiverProcess(tmp_path / "home", prefix=[LAUNCHER, OPTION, "1100"])
    with running(receiver):
        assert receiver.vitals().descriptors > 1100
        assert store_one(receiver.port) < 2


def test_a_full_disk_is_a700_leaves_nothing_behind_and_accepts_again_once_there_is_room(tmp_path):
    with running(ReceiverProcess(tmp_path / "home")) as receiver, connected(receiver.port, seconds=15) as sender:
        sender.associate()
        first, second = new_uid(), new_uid()
        assert sender.store(stores.image(first), first) == 0x0000
        before = receiver.instances()
        receiver.limit_files(300_000)
        assert sender.store(stores.image(second), second) == 0xA700
        assert receiver.instances() == before
        receiver.limit_files(-1)
        wait_until(lambda: sender.store(stores.image(second), second) == 0x0000, 30, 0.2)
        assert len(receiver.instances()) == len(before) + 1


@pytest.fixture(scope="module")
def tls_receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ReceiverProcess, int]]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = self_signed(folder)
    port = free_port()
    settings = {
        **SHORT_DEADLINES,
        "TLS__PORT": str(port),
        "TLS__CERTIFICATE": str(certificate),
        "TLS__KEY": str(key),
        "TLS__REQUIRE_PEER_CERTIFICATE": "false",
    }
    with running(ReceiverProcess(folder / "home", settings=settings)) as receiver:
        warm_up(receiver)
        store_one(port, tls=trusting(certificate))
        yield receiver, port


def trusting(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    return context


@pytest.mark.parametrize(
    "script",
    [siege.SILENT, siege.ONE_BYTE, siege.HALF_REQUEST],
    ids=["silent", "one byte", "speaking without TLS"],
)
def test_a_handshake_that_hangs_on_the_tls_port_delays_no_other_client(tls_receiver, script):
    receiver, port = tls_receiver
    tls = trusting(Path(receiver.settings["TLS__CERTIFICATE"]))
    result, seen = observe(
        receiver,
        lambda watch: siege.besiege(
            watch, port, script, 30, stand_seconds=1.0, until_gone_seconds=DEADLINE_SECONDS + SLACK_SECONDS
        ),
        port=port,
        tls=tls,
    )
    assert result.ended == 30
    assert shortcomings(seen) == []
