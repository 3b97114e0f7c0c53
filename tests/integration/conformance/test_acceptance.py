"""What a running receiver accepts and answers, compared with its conformance statement: nothing more, nothing less."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, build_context
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.presentation import build_role
from support.commitment_peers import COMMITMENT, WELL_KNOWN, report_of, reporting
from support.datasets import element, nested, tiny
from support.fake_series_store import FakeSeriesStore
from support.negotiation import CLASSES, SYNTAXES, asked_for, end, negotiated
from support.peers import run_tool
from support.raw_scu import CT, SR, answer, associated
from support.reception import Reception, receiving
from support.statements import accepted, network_part, parameter, stated_statuses
from support.waiting import wait_until

from hounsfield.daemon.association.reactor import requested
from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.conformance.statuses import REJECTED, REPORTED, STORED
from hounsfield.daemon.delivery.proof.reports import ReportDesk
from hounsfield.storage.commitments import AnswerTaken
from hounsfield.storage.errors import DatabaseUnavailable


class Desk:
    """Takes no reports; that there is one makes the receiver listen to them."""

    def take(self, _event_type: int | None, _data: bytes, _syntax: str) -> int:
        return 0


@pytest.fixture(scope="module", params=["ct", "ct+companions", "all-storage"])
def accept(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def receiver(accept: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    with receiving(tmp_path_factory.mktemp("reception"), accept=accept, take_report=Desk().take) as running:
        yield running


def test_exactly_the_stated_classes_are_accepted_in_exactly_the_stated_transfer_syntaxes(
    receiver: Reception, accept: str
) -> None:
    stated = accepted(network_part(accept))
    several = stated if accept != "all-storage" else dict.fromkeys([CT, SR], ())
    contexts = [build_context(uid, syntax) for uid in several for syntax in SYNTAXES]
    found = negotiated(receiver.port, contexts)
    expected = [(uid, syntax) for uid in several for syntax in stated[uid]]
    assert sorted(found) == sorted(expected)


def test_no_class_is_accepted_that_is_not_stated_and_the_first_stated_syntax_is_chosen(
    receiver: Reception, accept: str
) -> None:
    stated = accepted(network_part(accept))
    assert set(CLASSES) > set(stated), "there are classes that are refused, and no stated one is forgotten"
    contexts = [build_context(uid, SYNTAXES[::-1]) for uid in CLASSES]
    assert sorted(negotiated(receiver.port, contexts)) == sorted((uid, stated[uid][0]) for uid in stated)


def test_storage_commitment_is_accepted_as_stated_from_its_scp_only(receiver: Reception, accept: str) -> None:
    assert COMMITMENT not in accepted(network_part(accept))
    stated = accepted(network_part(accept, "commitment"))[COMMITMENT]
    contexts = [build_context(COMMITMENT, syntax) for syntax in SYNTAXES]
    scp = asked_for(receiver.port, contexts, [build_role(COMMITMENT, scp_role=True)])
    assert sorted(str(one.transfer_syntax[0]) for one in scp.accepted_contexts) == sorted(stated)
    assert all(one.as_scp and not one.as_scu for one in scp.accepted_contexts)
    end(scp)
    scu = asked_for(receiver.port, [*contexts, build_context(CT)])
    assert [str(one.abstract_syntax) for one in scu.accepted_contexts if one.as_scu] == [CT]
    end(scu)


def test_negotiation_items_and_identity_are_answered_as_stated(receiver: Reception) -> None:
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 5
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = CT, b"\x02\x00\x03\x00\x01\x00"
    roles = [build_role(CT, scu_role=True, scp_role=True)]
    association = asked_for(receiver.port, [build_context(CT)], [window, extended, *roles])
    assert association.acceptor.asynchronous_operations == (1, 1)
    assert association.acceptor.sop_class_extended == {}
    assert association.acceptor.role_selection == {}
    document = network_part()
    assert association.acceptor.implementation_class_uid == parameter(document, "Implementation Class UID")
    assert association.acceptor.implementation_version_name == parameter(document, "Implementation Version Name")
    stated = parameter(document, "Largest PDU that is received, as acceptor")
    assert stated.startswith(f"{association.acceptor.maximum_length} bytes")
    end(association)


def test_a_user_identity_and_a_wrong_called_title_are_rejected_with_stated_codes(receiver: Reception) -> None:
    identity = UserIdentityNegotiation()
    identity.user_identity_type, identity.primary_field = 1, b"somebody"
    with_identity = asked_for(receiver.port, [build_context(CT)], [identity])
    elsewhere = requested(AE("SCANNER"), "127.0.0.1", receiver.port, contexts=[build_context(CT)], ae_title="OTHER")
    stated = set(network_part().table(REJECTED).column("result/source/reason"))
    for association, codes in ((with_identity, "1/1/1"), (elsewhere, "1/1/7")):
        assert association.is_rejected
        told = association.acceptor.primitive
        assert f"{told.result}/{told.result_source}/{told.diagnostic}" == codes
        assert codes in stated


def test_dcmtk_sees_what_is_stated(receiver: Reception) -> None:
    done = run_tool("echoscu", "-d", "-aec", "HOUNSFIELD", "127.0.0.1", str(receiver.port))
    said = done.stdout + done.stderr
    document = network_part()
    for name, stated in (
        ("Their Implementation Class UID", "Implementation Class UID"),
        ("Their Implementation Version Name", "Implementation Version Name"),
    ):
        assert re.findall(rf"{name}: +(\S+)", said)[-1] == parameter(document, stated)
    (length,) = re.findall(r"Their Max PDU Receive Size: +([1-9]\d*)", said)
    assert parameter(document, "Largest PDU that is received, as acceptor").startswith(f"{length} bytes")


class Trouble(FakeSeriesStore):
    """A store that can fail in a way nobody thought of."""

    is_broken = False

    def is_own_result(self, sop_instance_uid: str) -> bool:
        if self.is_broken:
            raise RuntimeError
        return super().is_own_result(sop_instance_uid)


def test_the_statuses_of_c_store_are_those_that_are_stated_with_their_comments(tmp_path: Path) -> None:
    table = network_part().table(STORED)
    stated = set(zip(table.column("status"), table.column("Error Comment (0000,0902)"), strict=True))
    returned = provoked(tmp_path)
    assert returned <= stated
    not_provoked = {comment.split(",")[0] for _, comment in stated - returned}
    assert not_provoked == {"the service is shutting down", "intake is paused"}


def provoked(folder: Path) -> set[tuple[str, str]]:
    store = Trouble()
    found = set()
    with (
        receiving(folder, store=store, max_instance_bytes=1048576) as reception,
        associated(reception.port) as association,
    ):

        def send(data: bytes, **changes: Any) -> tuple[str, str]:
            told = answer(association, data, **changes)
            found.add((f"{told.Status:04X}", str(told.ErrorComment or "")))
            return f"{told.Status:04X}", str(told.ErrorComment or "")

        assert send(tiny())[0] == "0000"
        assert send(tiny(more=element(0x7FE00010, b"OW", bytes(1048576))))[0] == "A700"
        assert send(tiny(), sop_class=SR)[0] == "A900"
        assert send(tiny(), instance="1.2.3.99")[0] == "A900"
        assert send(b"\xff" * 5000)[0] == "C000"
        assert send(tiny()[:-3])[0] == "C000"
        assert send(tiny(more=nested(100)))[0] == "C000"
        assert send(tiny(series=""))[0] == "C000"
        store.is_broken = True
        assert send(tiny(sop_class=SR), sop_class=SR, context_class=SR)[0] == "A700"
        store.is_broken = False
        store.is_down = True
        send(tiny(instance="1.2.3.6"), instance="1.2.3.6")
        wait_until(lambda: send(tiny(instance="1.2.3.7"), instance="1.2.3.7")[0] == "A700")
        store.is_down = False
    with receiving(folder / "full", min_free_bytes=2**60) as reception, associated(reception.port) as association:
        told = answer(association, tiny())
        found.add((f"{told.Status:04X}", str(told.ErrorComment)))
    return found


class Commitments:
    """What a report desk writes to."""

    is_down = False

    def answer(self, _answer: object, _now: object) -> AnswerTaken:
        if self.is_down:
            raise DatabaseUnavailable("the database is down")
        return AnswerTaken.UNKNOWN


def test_the_statuses_of_reports_are_exactly_those_that_are_stated(tmp_path: Path) -> None:
    commitments = Commitments()
    desk = ReportDesk(commitments, SystemClock())  # type: ignore[arg-type]  # it asks for nothing else
    report = report_of("2.25.7", ["2.25.1"])
    print_job = "1.2.840.10008.5.1.1.14"
    with receiving(tmp_path, take_report=desk.take) as reception, reporting(reception.port) as association:

        def send(information: Any, event_type: int = 1, sop_class: str = COMMITMENT) -> str:
            told, _ = association.send_n_event_report(
                information, event_type, sop_class, WELL_KNOWN, meta_uid=COMMITMENT
            )
            return f"{told.Status:04X}"

        returned = [send(report), send(report, 3), send(None), send(report, sop_class=print_job)]
        commitments.is_down = True
        returned.append(send(report))
    assert sorted(returned) == sorted(stated_statuses(network_part(), REPORTED))
