"""What machines do not take, over real sockets; what senders are told is in tests/contract/reception."""

import socket
import threading
import time

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from support.ct_factory import ct_series
from support.datasets import tiny
from support.raw_scu import associated, store
from support.reception import receiving
from support.waiting import wait_until

from hounsfield.daemon.errors import PortUnavailable


@pytest.fixture(scope="module")
def reception(tmp_path_factory):
    with receiving(tmp_path_factory.mktemp("reception")) as running:
        yield running


def as_sent(dataset: Dataset) -> Dataset:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def test_one_more_association_than_allowed_is_rejected_as_transient(tmp_path):
    with receiving(tmp_path, max_associations=2) as reception:
        with associated(reception.port), associated(reception.port), associated(reception.port) as third:
            assert third.is_rejected
            assert third.acceptor.primitive.result == 0x02
        wait_until(lambda: associates(reception.port))


def associates(port: int) -> bool:
    with associated(port) as association:
        return association.is_established


def test_connections_that_say_nothing_take_no_place(tmp_path):
    with receiving(tmp_path, max_associations=1) as reception:
        silent = [socket.create_connection(("127.0.0.1", reception.port)) for _ in range(5)]
        with associated(reception.port) as association:
            assert store(association, tiny()) == 0x0000
        for connection in silent:
            connection.close()


def test_a_silent_connection_costs_no_thread_and_does_not_hold_up_the_end(tmp_path):
    with receiving(tmp_path) as reception, socket.create_connection(("127.0.0.1", reception.port)) as silent:
        with associated(reception.port) as association:
            assert store(association, tiny()) == 0x0000
        wait_until(lambda: acceptors() == [])
        begun = time.monotonic()
        reception.receiver.stop(10.0)
        assert time.monotonic() - begun < 3
        assert silent.recv(1) == b"", "it was closed"


def acceptors() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("Acceptor")]


def test_a_port_that_is_taken_is_named_with_a_remedy(tmp_path):
    with (
        receiving(tmp_path / "a") as reception,
        pytest.raises(PortUnavailable, match=f"127.0.0.1:{reception.port}") as caught,
        receiving(tmp_path / "b", port=reception.port),
    ):
        pass
    assert "dicom.port" in str(caught.value)


def test_what_one_receiver_left_the_next_one_registers(tmp_path):
    with receiving(tmp_path, name="first") as reception, associated(reception.port) as association:
        for dataset in ct_series(2):
            assert association.send_c_store(as_sent(dataset)).Status == 0x0000
    with receiving(tmp_path, name="second") as again:  # with an empty database
        assert len(again.store.receipts) == 2
        assert set(again.endings()) == {"lost"}


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_other_loopback_addresses_can_be_listened_on(tmp_path, host):
    with receiving(tmp_path, host=host) as reception, socket.create_connection((host, reception.port), timeout=5):
        assert reception.port > 0


def test_an_address_of_another_machine_is_named_with_a_remedy(tmp_path):
    with pytest.raises(PortUnavailable, match=r"192\.0\.2\.1"), receiving(tmp_path, host="192.0.2.1"):
        pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_receiver_whose_registrar_is_gone_beats_no_more_so_that_it_is_started_again(tmp_path):
    beats: list[float] = []
    with receiving(tmp_path, beat=lambda: beats.append(time.monotonic())) as reception:
        wait_until(lambda: len(beats) > 1)
        registrar = next(thread for thread in threading.enumerate() if thread.name == "reception-registrar")
        reception.database.record = lambda *_: 1 / 0  # what nobody thought of
        with associated(reception.port) as association:
            assert store(association, tiny()) == 0x0000
        registrar.join(10)
        assert not registrar.is_alive()
        last = len(beats)
        time_of_silence = time.monotonic()
        wait_until(lambda: time.monotonic() - time_of_silence > 1.5)
        assert len(beats) <= last + 1
    with receiving(tmp_path) as again:
        assert len(again.store.receipts) == 1, "nothing is lost by it"
