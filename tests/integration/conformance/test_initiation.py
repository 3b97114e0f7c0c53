"""What our application entities propose and make of answers, compared with their conformance statement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]
from support import reports
from support.destinations import route
from support.query_peers import peer_at
from support.statements import PROPOSALS, network_part, parameter, proposed

from hounsfield.daemon.conformance.samples import ROLES
from hounsfield.daemon.conformance.statuses import ANSWERED
from hounsfield.daemon.delivery.proof.commitment import Request, request
from hounsfield.daemon.delivery.proof.find import SeriesAtPeer, instances_at
from hounsfield.daemon.delivery.retry import Complete, RetryLater, decide
from hounsfield.daemon.delivery.scu import SendReport, echo, send
from hounsfield.daemon.query.archive import Unanswered
from hounsfield.daemon.query.series_images import images_of
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.relabel import FALLBACKS, relabel
from hounsfield.daemon.sop_classes import COMMITMENT, COMPREHENSIVE_3D_SR, VERIFICATION

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@dataclass
class Listener:
    """Accepts whatever it is proposed, answers with ``status``, and keeps what it saw."""

    statuses: dict[str, int] = field(default_factory=dict)
    """By SOP class; success for all others."""
    requests: list[Any] = field(default_factory=list)
    stored: list[tuple[str, int]] = field(default_factory=list)

    def start(self) -> Any:
        ae = AE("PEER")
        for context in AllStoragePresentationContexts:
            ae.add_supported_context(str(context.abstract_syntax))
        for uid in (VERIFICATION, COMMITMENT, StudyRootQueryRetrieveInformationModelFind):
            ae.add_supported_context(uid)
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, lambda event: self.requests.append(event.assoc.requestor)),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, lambda _: (0x0110, None)),
            (evt.EVT_C_FIND, lambda _: iter([(0x0000, None)])),
        ]
        return ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)

    def _store(self, event: Any) -> int:
        sop_class = str(event.context.abstract_syntax)
        status = self.statuses.get(sop_class, 0)
        self.stored.append((sop_class, status))
        return status

    @property
    def proposed(self) -> set[tuple[str, str]]:
        """Abstract and transfer syntaxes of the last request."""
        contexts = self.requests[-1].primitive.presentation_context_definition_list
        return {(str(one.abstract_syntax), str(syntax)) for one in contexts for syntax in one.transfer_syntax}


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def port(listener: Listener) -> Iterator[int]:
    server = listener.start()
    yield int(server.server_address[1])
    server.shutdown()


class Files:
    """All objects of a flagged series as files, and the report in other classes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = [self._written(one.sop_instance_uid, one.content) for one in build(reports.request(), ROLES)]

    def _written(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def classes(self, sop_class_uid: str) -> Sequence[str]:
        return FALLBACKS.get(sop_class_uid, ())

    def file(self, sop_instance_uid: str, sop_class_uid: str) -> Path | None:
        made = relabel((self.folder / sop_instance_uid).read_bytes(), sop_class_uid)
        return None if made is None else self._written(made.sop_instance_uid, made.content)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("results"))


def test_a_delivery_proposes_exactly_what_is_stated(listener: Listener, port: int, files: Files) -> None:
    assert send(route(port, "PEER"), files.paths, files).failure is None
    assert listener.proposed == proposed(network_part(), PROPOSALS["send"])


def test_an_echo_proposes_exactly_what_is_stated(listener: Listener, port: int) -> None:
    assert echo(route(port, "PEER")) is None
    assert listener.proposed == proposed(network_part(), PROPOSALS["echo"])


def test_a_request_for_commitment_proposes_exactly_what_is_stated(listener: Listener, port: int) -> None:
    asked = Request(address=route(port, "PEER"), transaction_uid="2.25.7", objects=())
    told = request(asked, lambda *_: 0, lambda: True, lambda: 0.0, 0.0)
    assert (told.status, told.is_accepted) == (0x0110, False)
    assert listener.proposed == proposed(network_part(), PROPOSALS["commitment"])


def test_queries_propose_exactly_what_is_stated(listener: Listener, port: int) -> None:
    peer = peer_at(port, "PEER")
    assert instances_at(peer, [SeriesAtPeer("1.2.3", "1.2.3.4", ("1.2.3.4.5",))], lambda: 0.0) == set()
    assert listener.proposed == proposed(network_part(), PROPOSALS["find"])
    with pytest.raises(Unanswered):
        images_of(peer, "1.2.3", "1.2.3.4")
    assert listener.proposed == proposed(network_part(), PROPOSALS["count"])


def test_requests_name_this_implementation_and_negotiate_nothing_else(listener: Listener, port: int) -> None:
    document = network_part()
    echo(route(port, "PEER"))
    with pytest.raises(Unanswered):
        images_of(peer_at(port, "PEER"), "1.2.3", "1.2.3.4")
    for requestor in listener.requests:
        assert requestor.implementation_class_uid == parameter(document, "Implementation Class UID")
        assert requestor.implementation_version_name == parameter(document, "Implementation Version Name")
        stated = parameter(document, "Largest PDU that is received, as requestor")
        assert stated == f"{requestor.maximum_length} bytes"
        assert requestor.asynchronous_operations == (1, 1)
        assert not requestor.role_selection
        assert not requestor.sop_class_extended
        assert requestor.user_identity is None


def test_a_class_that_is_refused_by_status_goes_out_in_the_next_one(
    listener: Listener, port: int, files: Files
) -> None:
    listener.statuses[COMPREHENSIVE_3D_SR] = 0x0122
    report = send(route(port, "PEER"), files.paths[:1], files)
    assert listener.stored == [(COMPREHENSIVE_3D_SR, 0x0122), (FALLBACKS[COMPREHENSIVE_3D_SR][0], 0)]
    assert [one.status for one in report.sent] == [0]


SAID = dict(zip(*(network_part().table(ANSWERED).column(name) for name in ("status", "what follows")), strict=True))


@pytest.mark.parametrize("status", ["0000", "B000", "B007", "0111", "A700", "0110", "0124", "FE00", "A900", "C000"])
def test_what_follows_a_status_is_what_is_stated(listener: Listener, port: int, files: Files, status: str) -> None:
    listener.statuses[COMPREHENSIVE_3D_SR] = int(status, 16)
    report = send(route(port, "PEER"), files.paths[:1], files)
    assert [one.status for one in report.sent] == [int(status, 16)]
    assert SAID[status].startswith(outcome(report))


def outcome(report: SendReport) -> str:
    give_up_at = NOON + timedelta(days=7)
    often = decide(report, 1000, NOON, give_up_at, Random(1), refusals=1000)
    if isinstance(often, Complete):
        return "kept"
    return "tried again until" if isinstance(often, RetryLater) else "final"
