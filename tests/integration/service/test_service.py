"""The processes of ``hounsfield run``: hung ones are replaced, receivers share the port, the end is orderly or fast."""

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification
from support import impatient
from support.ct_factory import ct_series, write_series
from support.daemon import Daemon
from support.datasets import tiny
from support.raw_scu import associated
from support.sending import dcmsend
from support.waiting import wait_until
from support.wire import COMMAND, LAST, c_store_rq, p_data

from hounsfield.daemon.association.reactor import requested
from hounsfield.storage.components import Component
from hounsfield.storage.engine import open_database

SILENCE_SECONDS = 5
ROLES = ("receiver", "courier")
"""Without a destination the courier has nothing to do: the smallest service with two kinds of roles."""
VERIFICATION = str(Verification)


@contextmanager
def service(folder: Path, **settings: str) -> Iterator[Daemon]:
    folder.mkdir(exist_ok=True)
    with Daemon(folder / "home", settings=settings).start(*ROLES) as daemon:
        yield daemon


def echo(port: int) -> int | None:
    """The status of a C-ECHO; None when no association comes about."""
    entity = AE("SCANNER")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 5
    entity.connection_timeout = 2
    entity.add_requested_context(VERIFICATION)
    association = requested(entity, "127.0.0.1", port, ae_title="HOUNSFIELD")
    if not association.is_established:
        return None
    status = association.send_c_echo().get("Status")
    association.release()
    return status


def sockets(pid: int) -> int:
    count = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            count += str(link.readlink()).startswith("socket:")
        except OSError:  # closed meanwhile
            continue
    return count


class Halves:
    """A C-STORE of which the first half is on its way."""

    def __init__(self, association: Association) -> None:
        self._association = association
        self._context = association.accepted_contexts[0].context_id
        self._wire = association.dul.socket.socket
        association._reactor_checkpoint.clear()
        data = tiny()
        self._rest = data[20:]
        self._send(COMMAND | LAST, c_store_rq("1.2.3.4", str(association.accepted_contexts[0].abstract_syntax)))
        self._send(0, data[:20])

    def _send(self, control: int, payload: bytes) -> None:
        self._wire.sendall(p_data(self._context, control, payload))

    def finish(self) -> int:
        """Send the second half; return the status."""
        self._send(LAST, self._rest)
        _, response = self._association.dimse.get_msg(block=True)
        self._association._reactor_checkpoint.set()
        return -1 if response is None else int(response.Status)


def no_longer_listening(daemon: Daemon) -> bool:
    return echo(daemon.port) is None


def test_a_receiver_that_hangs_is_replaced_and_the_new_one_serves(tmp_path: Path) -> None:
    program = (impatient.__file__, str(SILENCE_SECONDS), "receiver")
    with Daemon(tmp_path / "home", program=program).start() as daemon:
        (hung,) = daemon.children("receiver")
        assert echo(daemon.port) == 0
        os.kill(hung, signal.SIGSTOP)
        wait_until(lambda: daemon.children("receiver") not in ([hung], []), SILENCE_SECONDS + 30, 0.1)
        wait_until(lambda: echo(daemon.port) == 0, 30, 0.1)
        assert not Path(f"/proc/{hung}").exists()
        assert "role hangs and is killed" in daemon.log()
        assert daemon.stop() == 0


def test_two_receivers_share_the_port_and_their_work_and_are_announced_once(tmp_path: Path) -> None:
    files = [write_series(tmp_path / name, ct_series(6, name=name)) for name in ("a", "b")]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ours = len(list(Path("/proc/self/fd").iterdir()))  # other tests of this process hold some too
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, ours + 100), hard))
    try:
        daemon = Daemon(tmp_path / "home", settings={"HOUNSFIELD_DICOM__RECEIVERS": "2"}).start(*ROLES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with daemon:
        pids = daemon.children("receiver")
        assert len(pids) == 2
        assert [line for line in daemon.lines if "ready" in line] == [daemon.lines[0]]
        for pid in pids:
            assert f"Max open files            {hard} " in Path(f"/proc/{pid}/limits").read_text()
        idle = [sockets(pid) for pid in pids]
        with many(daemon.port, 16):  # as many as one sender may have
            assert all(now > before for before, now in zip(idle, map(sockets, pids), strict=True))
        for series in files:
            dcmsend(daemon.port, series)
        os.kill(pids[0], signal.SIGKILL)
        wait_until(lambda: echo(daemon.port) == 0, 20)
        wait_until(lambda: len(daemon.children("receiver")) == 2, 20)
        # What the dead one had acknowledged and not yet registered is found by its successor.
        wait_until(lambda: [row["instances"] for row in daemon.hounsfield("series", "list")] == [6, 6], 20)
        assert daemon.stop() == 0
        assert len([line for line in daemon.lines if "ready" in line]) == 1


@contextmanager
def many(port: int, count: int) -> Iterator[None]:
    entity = AE("SCANNER")
    entity.add_requested_context(VERIFICATION)
    associations = [entity.associate("127.0.0.1", port, ae_title="HOUNSFIELD") for _ in range(count)]
    try:
        assert all(association.is_established for association in associations)
        yield
    finally:
        for association in associations:
            association.release()


def test_a_second_service_does_not_share_the_port_of_the_first_unseen(tmp_path: Path) -> None:
    shared = {"HOUNSFIELD_DICOM__RECEIVERS": "2"}
    with service(tmp_path, **shared) as first:
        second = Daemon(tmp_path / "other", settings=shared, port=first.port)
        with pytest.raises(AssertionError, match="not ready"):
            second.start(*ROLES)
        assert second.process is not None
        assert second.process.wait(10) == 1
        assert f"cannot listen on 127.0.0.1:{first.port}" in second.log()


def test_sigterm_and_ctrl_c_let_an_image_that_is_arriving_arrive(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with service(tmp_path / number.name) as daemon, associated(daemon.port) as association:
            image = Halves(association)
            assert daemon.process is not None
            if number is signal.SIGINT:
                os.killpg(daemon.process.pid, number)  # Ctrl-C reaches the whole process group
            else:
                daemon.process.send_signal(number)
            wait_until(lambda daemon=daemon: no_longer_listening(daemon))
            assert image.finish() == 0x0000
            assert daemon.process.wait(20) == 0
            assert "killed" not in daemon.log()


def test_a_second_sigterm_does_not_wait_for_the_image_that_is_arriving(tmp_path: Path) -> None:
    with service(tmp_path) as daemon, associated(daemon.port) as association:
        Halves(association)
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGTERM)
        wait_until(lambda: no_longer_listening(daemon))
        begun = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(20) == 0
        assert time.monotonic() - begun < 8, "alone it would wait 18 s for the rest of the image"
        association._reactor_checkpoint.set()
        wait_until(lambda: not association.is_established)


def test_each_process_says_in_the_database_that_it_lives_how_often_it_began_and_that_it_ended(tmp_path: Path) -> None:
    with service(tmp_path) as daemon:
        database = open_database(None, daemon.home)

        def said() -> dict[str, Component]:
            return {one.role: one for one in database.components.all()}

        wait_until(lambda: "receiver" in said() and said()["receiver"].facts.get("listens"), 20)
        wait_until(lambda: "courier" in said(), 20)
        assert {one.pid for one in said().values()} == {*daemon.children("receiver"), *daemon.children("courier")}
        os.kill(said()["courier"].pid, signal.SIGKILL)
        wait_until(lambda: said()["courier"].starts == 2, 20)
        assert said()["receiver"].starts == 1
        assert daemon.stop() == 0
        assert [one.facts["ended"] for one in said().values()] == [True, True]
        database.close()
