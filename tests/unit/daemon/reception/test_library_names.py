"""The inside of pynetdicom that reception rests on. An upgrade fails here first.

If it does: read docs/adr/0006-short-path.md, then compare the changed part of the library with what
daemon/reception/short_path.py, association_socket.py and library.py do, and run tests/contract/reception on both paths
before the pin in pyproject.toml moves.
"""

import inspect
import queue
import threading
from io import BytesIO

import pynetdicom
import pytest
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import ACTIONS, TRANSITION_TABLE, InvalidEventError
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.timer import Timer
from pynetdicom.transport import AssociationServer, AssociationSocket, RequestHandler

from hounsfield.daemon.reception.association_socket import BufferedAssociationSocket
from hounsfield.daemon.reception.library import ReceivingServer, _AssociationMaker
from hounsfield.daemon.reception.short_path import GuardedUpperLayer, MonotonicTimer, ShortPathUpperLayer

LOOK = "pynetdicom has changed inside: see the head of this file, and docs/adr/0006-short-path.md"


@pytest.fixture
def association() -> Association:
    return Association(AE(), "acceptor")


def source(what: object) -> str:
    return inspect.getsource(what)  # type: ignore[arg-type]


def test_the_version_is_the_one_that_was_read() -> None:
    assert pynetdicom.__version__ == "3.0.4", LOOK


@pytest.mark.parametrize(
    ("ours", "theirs", "names"),
    [
        (_AssociationMaker, RequestHandler, ["_create_association", "handle"]),
        (ReceivingServer, AssociationServer, ["server_bind", "server_activate", "active_associations"]),
        (GuardedUpperLayer, DULServiceProvider, ["run_reactor", "_is_transport_event", "stop_dul"]),
        (ShortPathUpperLayer, DULServiceProvider, ["_is_transport_event", "_read_pdu_data", "send_pdu", "kill_dul"]),
        (BufferedAssociationSocket, AssociationSocket, ["ready", "recv", "send", "close", "_shutdown_socket"]),
        (MonotonicTimer, Timer, ["start", "stop", "restart", "remaining", "expired", "timeout"]),
    ],
)
def test_what_is_overridden_or_called_is_there_with_the_same_parameters(
    ours: type, theirs: type, names: list[str]
) -> None:
    for name in names:
        there, here = inspect.getattr_static(theirs, name, None), inspect.getattr_static(ours, name)
        assert there is not None, f"{theirs.__name__}.{name} is gone. {LOOK}"
        assert isinstance(here, property) == isinstance(there, property), f"{theirs.__name__}.{name}. {LOOK}"
        if not isinstance(here, property):
            assert list(inspect.signature(here).parameters) == list(inspect.signature(there).parameters), LOOK


def test_the_upper_layer_holds_what_ours_reads_and_replaces(association: Association) -> None:
    layer = association.dul
    assert isinstance(layer._idle_timer, Timer), LOOK
    assert isinstance(layer.artim_timer, Timer), LOOK
    assert layer._kill_thread is False, LOOK
    for name in ("event_queue", "to_provider_queue", "to_user_queue"):
        assert isinstance(getattr(layer, name), queue.Queue), f"{name}. {LOOK}"
    assert layer.state_machine.current_state == "Sta1", LOOK
    assert layer.assoc is association, LOOK
    assert layer.daemon is False, f"hang_up closes connections because its threads are none of the daemon kind. {LOOK}"


def test_our_upper_layer_takes_the_place_of_the_librarys(association: Association) -> None:
    layer = GuardedUpperLayer(association, 10**6)
    association.dul = layer
    association.network_timeout, association.acse_timeout = 7, 8
    assert layer._idle_timer.timeout == 7, LOOK
    assert layer.artim_timer.timeout == 8, LOOK
    assert association.acse.dul is layer, f"the services must look it up anew. {LOOK}"
    assert association.dimse.dul is layer, LOOK


def test_the_association_holds_what_we_read_and_set(association: Association) -> None:
    assert isinstance(association._reactor_checkpoint, threading.Event), LOOK
    assert isinstance(association.dimse, DIMSEServiceProvider), LOOK
    assert association.dimse.message is None, LOOK
    assert isinstance(association.dimse.msg_queue, queue.Queue), LOOK
    for name in ("is_rejected", "is_aborted", "is_established", "_is_paused"):
        assert isinstance(getattr(association, name), bool), f"{name}. {LOOK}"
    for name in ("kill", "abort", "release", "set_socket"):
        assert callable(getattr(association, name)), f"{name}. {LOOK}"
    assert callable(association.acse.send_reject), LOOK
    assert isinstance(association.accepted_contexts, list), LOOK
    association.acceptor.supported_contexts = []


def test_the_association_waits_at_the_checkpoint_and_ends_with_its_upper_layer() -> None:
    loop = source(Association._run_reactor)
    assert "self._reactor_checkpoint.wait()" in loop, LOOK
    assert "self.dul.is_alive()" in loop, LOOK
    assert "self.dul.idle_timer_expired()" in loop, LOOK
    assert "primitive is None" in source(Association.run_reactor), f"None ends the wait for a request. {LOOK}"
    assert "receive_pdu(wait=True" in source(Association.run_reactor), LOOK


def test_the_loop_of_the_upper_layer_is_the_one_that_was_read() -> None:
    loop = source(DULServiceProvider.run_reactor)
    steps = ["_kill_thread", "artim_timer.expired", "_process_recv_primitive()", "_is_transport_event()", "do_action("]
    places = [loop.find(step) for step in steps]
    assert -1 not in places, LOOK
    assert places == sorted(places), LOOK
    assert source(DULServiceProvider.receive_pdu).count("to_user_queue.get(") == 1, LOOK
    assert "self.socket.recv(6)" in source(DULServiceProvider._read_pdu_data), LOOK


@pytest.mark.parametrize(
    ("event", "state", "action"),
    [
        ("Evt5", "Sta1", "AE-5"),  # the connection is there
        ("Evt17", "Sta6", "AA-4"),  # it has ended
        ("Evt19", "Sta6", "AA-8"),  # what came cannot be read: abort
        ("Evt10", "Sta6", "DT-2"),  # data, on the library's own path
        ("Evt9", "Sta6", "DT-1"),
        ("Evt12", "Sta6", "AR-2"),
        ("Evt17", "Sta13", "AR-5"),
        ("Evt18", "Sta13", "AA-2"),
    ],
)
def test_events_and_states_mean_what_they_meant(event: str, state: str, action: str) -> None:
    assert TRANSITION_TABLE[event, state] == action, LOOK


def test_actions_end_in_the_states_that_we_tell_apart() -> None:
    assert ACTIONS["AE-7"][2] == "Sta6", LOOK
    assert ACTIONS["AA-8"][2] == "Sta13", LOOK
    assert issubclass(InvalidEventError, Exception)


def test_the_socket_announces_its_connection_and_knows_whether_it_is_connected() -> None:
    made = source(AssociationSocket.__init__)
    assert 'self.event_queue.put("Evt5")' in made, LOOK
    assert "self._is_connected = True" in made, LOOK
    closing = source(AssociationSocket.close)
    assert closing.index("_shutdown_socket()") < closing.index("self.socket = None"), LOOK
    assert "_is_connected" in closing, LOOK
    assert 'put("Evt17")' in closing, LOOK


def test_timers_have_the_inside_that_ours_sets() -> None:
    timer = Timer(5)
    assert (timer._start_time, timer._end_time, timer.timeout) == (None, None, 5), LOOK
    timer.start()
    assert timer._start_time is not None, LOOK
    assert "self.remaining < 0" in source(Timer.expired.fget), LOOK


def test_a_message_is_put_together_where_we_measure_it() -> None:
    message = DIMSEMessage()
    assert isinstance(message.data_set, BytesIO), LOOK
    assert isinstance(message.encoded_command_set, BytesIO), LOOK
    assert list(inspect.signature(DIMSEServiceProvider.receive_primitive).parameters) == ["self", "primitive"], LOOK
    primitive = P_DATA()
    primitive.presentation_data_value_list = [[1, b"\3x"]]  # type: ignore[list-item]
    assert primitive.presentation_data_value_list == [[1, b"\3x"]], LOOK


def test_the_event_of_a_message_comes_before_the_library_reads_its_command() -> None:
    receive = source(DIMSEServiceProvider.receive_primitive)
    assert receive.index("EVT_DIMSE_RECV") < receive.index("message_to_primitive"), LOOK
    assert C_STORE_RQ().command_set is not None, LOOK
    for name in ("REQUESTED", "ACSE_RECV", "DIMSE_RECV", "C_STORE", "RELEASED", "ABORTED", "CONN_CLOSE"):
        assert hasattr(evt, f"EVT_{name}"), LOOK


def test_switches_of_the_library_are_where_we_set_them() -> None:
    assert isinstance(_config.LOG_HANDLER_LEVEL, str), LOOK
    assert "UI" in _config.VALIDATORS, LOOK
    assert _config.STORE_RECV_CHUNKED_DATASET is False, LOOK
    assert _config.UNRESTRICTED_STORAGE_SERVICE is False, LOOK


def test_threads_of_associations_are_found_by_their_name_and_server() -> None:
    assert "AcceptorThread" in source(RequestHandler._create_association), LOOK
    assert "_server" in source(RequestHandler._create_association), LOOK
    assert "deepcopy(self.server.contexts)" in source(RequestHandler._create_association), LOOK


def test_a_request_can_be_tried_before_it_is_served() -> None:
    assert callable(A_ASSOCIATE_RQ().decode), LOOK
    assert callable(A_ASSOCIATE_RQ().to_primitive), LOOK
