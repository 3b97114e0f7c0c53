"""What hits the receiver's process as a whole: signals, the clock, descriptors, a full disk, a silent TLS client."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attacks import siege, stores
from support.attacks.limits import DEADLINE_SECONDS, SHORT_DEADLINES, SLACK_SECONDS, shortcomings
from support.attacks.upheavals import fill_disk, sigterm_in_flight, step_clock
from support.attacks.watch import SERVED_SECONDS, observe, store_one, warm_up
from support.launcher import OPTION
from support.peers import free_port
from support.receiver_process import ReceiverProcess, running
from support.tls import Files, some_server
from support.wire import ABORT, RELEASE_RQ, new_uid

LAUNCHER = "support.launcher"


def test_at_sigterm_what_is_in_flight_is_answered_associations_are_ended_and_the_exit_status_is_0(tmp_path):
    instance = new_uid()
    data = stores.image(instance)
    with running(ReceiverProcess(tmp_path / "home")) as receiver:
        stopped = sigterm_in_flight(receiver, data, instance)
        assert stopped.status in (0x0000, 0xA700), "what was in flight is answered"
        assert stopped.idle_farewell in (RELEASE_RQ, ABORT), "the idle one is not left waiting"
        assert stopped.busy_farewell in (RELEASE_RQ, ABORT)
        assert stopped.exit_status == 0
        assert stopped.seconds < 20
        assert (data in receiver.data_sets()) == (stopped.status == 0x0000)
        assert len(receiver.instances()) == (stopped.status == 0x0000)


def test_a_wall_clock_that_steps_ends_no_association_and_stops_no_deadline(tmp_path):
    receiver = ReceiverProcess(tmp_path / "home", prefix=[LAUNCHER], settings=SHORT_DEADLINES)
    with running(receiver):
        stepped = step_clock(receiver, look_seconds=1.5, deadline_seconds=DEADLINE_SECONDS + SLACK_SECONDS)
    assert stepped.idle_goes_on, "two hours forward"
    assert stepped.stall_ends, "an hour back"
    assert stepped.silence_ends, "an hour back"


def test_with_more_than_1024_descriptors_senders_are_served(tmp_path):
    receiver = ReceiverProcess(tmp_path / "home", prefix=[LAUNCHER, OPTION, "1100"])
    with running(receiver):
        assert receiver.vitals().descriptors > 1100
        assert store_one(receiver.port) < 2


def test_a_full_disk_is_a700_leaves_nothing_behind_and_accepts_again_once_there_is_room(tmp_path):
    with running(ReceiverProcess(tmp_path / "home")) as receiver:
        store_one(receiver.port)
        filled = fill_disk(receiver)
        assert filled.status == 0xA700
        assert filled.left_behind == 0
        assert filled.recovered
        assert len(receiver.data_sets()) == 2


def test_requests_that_cannot_be_read_hold_no_place(tmp_path):
    with running(ReceiverProcess(tmp_path / "home")) as receiver:
        warm_up(receiver)
        # The deadline for associations is longer than what may be left behind is waited for.
        _, seen = observe(receiver, lambda _: siege.unreadable_and_gone(receiver.port, 120), settle_seconds=4)
        assert shortcomings(seen) == []
        begun = time.monotonic()
        store_one(receiver.port)
        assert time.monotonic() - begun < SERVED_SECONDS


@pytest.fixture(scope="module")
def tls_receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ReceiverProcess, int]]:
    folder = tmp_path_factory.mktemp("tls")
    files = some_server(folder)
    port = free_port()
    settings = {
        **SHORT_DEADLINES,
        "TLS__PORT": str(port),
        "TLS__CERTIFICATE": str(files.certificate),
        "TLS__KEY": str(files.key),
        "TLS__REQUIRE_PEER_CERTIFICATE": "false",
    }
    with running(ReceiverProcess(folder / "home", settings=settings)) as receiver:
        warm_up(receiver)
        store_one(port, tls=files.trusted())
        yield receiver, port


@pytest.mark.parametrize(
    "script",
    [siege.SILENT, siege.ONE_BYTE, siege.HALF_REQUEST],
    ids=["silent", "one byte", "speaking without TLS"],
)
def test_a_handshake_that_hangs_on_the_tls_port_delays_no_other_client(tls_receiver, script):
    receiver, port = tls_receiver
    tls = Files(Path(receiver.settings["TLS__CERTIFICATE"]).parent).trusted()
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
