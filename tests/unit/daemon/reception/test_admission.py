from pathlib import Path
from typing import Any

import pytest
from support.fakes import ManualClock

from hounsfield.daemon.config.reception import DicomSettings, Peer
from hounsfield.daemon.reception.admission import Admission, Applicant, Decision, Parties, Rejection
from hounsfield.daemon.reception.intake_gate import GRACE_SECONDS
from hounsfield.daemon.reception.status import Status
from hounsfield.storage.peer_records import SightingReason

RIGHT, WRONG = "a" * 64, "b" * 64
PEERS = (
    Peer(ae_title="CT1", host="10.1.2.3"),
    Peer(ae_title="CT2", host="10.2.0.0/16"),
    Peer(ae_title="CT3", host="scanner.example"),
    Peer(ae_title="CT4", host="fd00::7"),
    Peer(ae_title="PACS", host=["10.4.0.1", "10.5.0.0/24", "scanner.example"], max_associations=3),
    Peer(ae_title="TLS1", host="10.1.2.3", certificate=RIGHT),
)
LEARNING = DicomSettings(learning=True)


def admission(settings: DicomSettings | None = None, peers: tuple[Peer, ...] = PEERS) -> Admission:
    names = {"scanner.example": ["10.3.0.1"]}
    return Admission(settings or DicomSettings(), peers, ManualClock(), lambda name: names.get(name, []))


def applicant(calling: str = "CT1", called: str = "HOUNSFIELD", address: str = "10.1.2.3", **more: Any) -> Applicant:
    return Applicant(parties=Parties.of(calling_ae=calling, called_ae=called, peer_address=address), **more)


def decision(subject: Admission, asks: Applicant, *, total: int = 0, of_peer: int = 0) -> Decision:
    return subject.seat(subject.identify(asks), open_associations=total, open_of_peer=of_peer)


def rejection(subject: Admission, asks: Applicant, *, total: int = 0, of_peer: int = 0) -> Rejection | None:
    return decision(subject, asks, total=total, of_peer=of_peer).rejection


def test_a_known_sender_is_admitted():
    decided = decision(admission(), applicant())
    assert decided.is_admitted
    assert decided.reason is SightingReason.KNOWN
    assert rejection(admission(), applicant(" CT1  ", "HOUNSFIELD ")) is None


@pytest.mark.parametrize("called", ["", "hounsfield", "OTHER"])
def test_another_called_ae_is_refused(called):
    assert rejection(admission(), applicant(called=called)) is Rejection.CALLED_AE


def test_another_called_ae_is_admitted_when_it_is_not_checked():
    assert rejection(admission(DicomSettings(check_called_ae=False)), applicant(called="X")) is None


@pytest.mark.parametrize(
    ("calling", "address"),
    [
        ("CT1", "10.1.2.4"),
        ("CT9", "10.1.2.3"),
        ("CT2", "10.3.0.1"),
        ("CT3", "10.1.2.3"),
        ("ct1", "10.1.2.3"),
        ("CT1", "nonsense"),
        ("CT4", "fd00::8"),
        ("PACS", "10.4.0.2"),
        ("PACS", "10.5.1.0"),
        ("", "10.1.2.3"),
    ],
)
def test_an_unknown_sender_is_refused(calling, address):
    assert rejection(admission(), applicant(calling, address=address)) is Rejection.UNKNOWN_PEER


@pytest.mark.parametrize(
    ("calling", "address"),
    [
        ("CT1", "::ffff:10.1.2.3"),
        ("CT2", "10.2.255.1"),
        ("CT2", "::ffff:10.2.0.1"),
        ("CT3", "10.3.0.1"),
        ("CT4", "fd00::7"),
        ("CT4", "fd00:0:0::7%eth0"),
        ("PACS", "10.4.0.1"),
        ("PACS", "10.5.0.255"),
        ("PACS", "10.3.0.1"),
    ],
)
def test_addresses_networks_names_and_lists_of_them_are_recognised(calling, address):
    assert rejection(admission(), applicant(calling, address=address)) is None


def test_without_peers_everybody_on_this_machine_is_admitted():
    assert decision(admission(peers=()), applicant("ANY", address="127.0.0.1")).reason is SightingReason.KNOWN


def test_anybody_is_admitted_on_request_whatever_the_peers_say():
    subject = admission(DicomSettings(allow_any_peer=True))
    assert rejection(subject, applicant("ANY", address="8.8.8.8")) is None
    assert rejection(subject, applicant("TLS1")) is None


def test_a_peer_with_a_certificate_comes_with_it_or_not_at_all():
    assert rejection(admission(), applicant("TLS1", certificate=RIGHT)) is None
    assert rejection(admission(), applicant("TLS1", certificate=WRONG)) is Rejection.CERTIFICATE
    assert rejection(admission(), applicant("TLS1")) is Rejection.CERTIFICATE


def test_the_right_certificate_does_not_help_another_title_or_address():
    assert rejection(admission(), applicant("TLS1", address="10.9.9.9", certificate=RIGHT)) is Rejection.UNKNOWN_PEER
    assert rejection(admission(), applicant("CT9", certificate=RIGHT)) is Rejection.UNKNOWN_PEER


def test_a_peer_without_a_certificate_may_show_any():
    assert rejection(admission(), applicant("CT1", certificate=WRONG)) is None


def test_of_several_tables_for_one_sender_one_that_fits_is_enough():
    renewed = Peer(ae_title="TLS1", host="10.1.2.3", certificate=WRONG, max_associations=5)
    decided = decision(admission(peers=(*PEERS, renewed)), applicant("TLS1", certificate=WRONG))
    assert decided.is_admitted
    assert decided.max_of_peer == 5


def test_of_several_tables_for_one_sender_the_first_limit_counts():
    tables = [Peer(ae_title="CT1", host="10.1.2.3", max_associations=limit) for limit in (None, 7, 9)]
    assert decision(admission(peers=tuple(tables)), applicant()).max_of_peer == 7


def test_user_identity_is_refused():
    assert rejection(admission(), applicant(has_user_identity=True)) is Rejection.USER_IDENTITY
    anybody = admission(DicomSettings(allow_any_peer=True))
    assert rejection(anybody, applicant("ANY", has_user_identity=True)) is Rejection.USER_IDENTITY


def test_over_the_limit_is_refused_as_transient():
    subject = admission(DicomSettings(max_associations=2))
    assert rejection(subject, applicant(), total=1) is None
    assert rejection(subject, applicant(), total=2) is Rejection.TOO_MANY


def test_one_sender_cannot_take_all_places():
    subject = admission(DicomSettings(max_associations_per_peer=2))
    assert rejection(subject, applicant(), total=9, of_peer=1) is None
    assert rejection(subject, applicant(), total=9, of_peer=2) is Rejection.TOO_MANY_OF_PEER


def test_a_peer_may_have_a_limit_of_its_own():
    subject = admission(DicomSettings(max_associations_per_peer=1))
    pacs = applicant("PACS", address="10.4.0.1")
    assert rejection(subject, pacs, total=2, of_peer=2) is None
    assert rejection(subject, pacs, total=3, of_peer=3) is Rejection.TOO_MANY_OF_PEER


def test_an_unknown_sender_does_not_learn_that_we_are_full():
    subject = admission(DicomSettings(max_associations=1, max_associations_per_peer=1))
    assert rejection(subject, applicant("X"), total=1, of_peer=1) is Rejection.UNKNOWN_PEER


def test_learning_admits_and_names_what_it_overlooked():
    subject = admission(LEARNING)
    unknown = decision(subject, applicant("NEW", address="8.8.8.8"))
    assert (unknown.rejection, unknown.overlooked) == (None, Rejection.UNKNOWN_PEER)
    assert unknown.reason is SightingReason.UNKNOWN_PEER
    called = decision(subject, applicant(called="OTHER"))
    assert (called.rejection, called.overlooked) == (None, Rejection.CALLED_AE)
    known = decision(subject, applicant())
    assert (known.rejection, known.overlooked) == (None, None)


def test_learning_names_an_unknown_sender_first_because_that_one_needs_a_table():
    decided = decision(admission(LEARNING), applicant("NEW", called="OTHER"))
    assert (decided.rejection, decided.overlooked) == (None, Rejection.UNKNOWN_PEER)


def test_learning_lists_also_where_no_peer_is_configured_or_anybody_may_come():
    assert decision(admission(LEARNING, ()), applicant()).overlooked is Rejection.UNKNOWN_PEER
    both = DicomSettings(learning=True, allow_any_peer=True)
    assert decision(admission(both), applicant("NEW")).overlooked is Rejection.UNKNOWN_PEER


def test_learning_overlooks_no_certificate_user_identity_or_limit():
    subject = admission(DicomSettings(learning=True, max_associations=4, max_associations_per_peer=2))
    assert rejection(subject, applicant("TLS1")) is Rejection.CERTIFICATE
    assert rejection(subject, applicant("NEW", has_user_identity=True)) is Rejection.USER_IDENTITY
    assert rejection(subject, applicant("NEW"), total=4) is Rejection.TOO_MANY
    full = decision(subject, applicant("NEW"), total=2, of_peer=2)
    assert full.rejection is Rejection.TOO_MANY_OF_PEER
    assert full.reason is SightingReason.TOO_MANY_OF_PEER
    assert not full.is_admitted


CODES = {  # PS3.8 table 9-21: result, source, diagnostic
    Rejection.CALLED_AE: (1, 1, 7),
    Rejection.UNKNOWN_PEER: (1, 1, 3),
    Rejection.CERTIFICATE: (1, 1, 3),
    Rejection.USER_IDENTITY: (1, 1, 1),
    Rejection.TOO_MANY: (2, 3, 2),
    Rejection.TOO_MANY_OF_PEER: (2, 3, 2),
    Rejection.STOPPING: (2, 3, 1),
    Rejection.PAUSED: (2, 3, 2),
}


def test_every_rejection_has_a_code_of_the_standard_the_reason_of_its_name_and_words():
    assert {one: one.codes for one in Rejection} == CODES
    assert all(one.reason is SightingReason[one.name] and len(one.words) > 20 for one in Rejection)
    for one in (Rejection.CALLED_AE, Rejection.TOO_MANY, Rejection.TOO_MANY_OF_PEER):
        assert "dicom." in one.words
    for one in (Rejection.UNKNOWN_PEER, Rejection.CERTIFICATE):
        assert "[[peer]]" in one.words


def test_the_document_for_administrators_has_every_rejection_and_what_pauses_do() -> None:
    text = (Path(__file__).parents[4] / "docs" / "reception.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for rejection in Rejection:
        codes = "/".join(map(str, rejection.codes))
        assert any(row.startswith(f"| {codes} ") for row in rows), rejection
    paused = "/".join(map(str, Rejection.PAUSED.codes))
    minutes = f"{GRACE_SECONDS / 60:g} minutes"
    assert any(row.startswith(f"| {paused} ") and "intake is paused" in row for row in rows)
    start = next(number for number, row in enumerate(rows) if row.startswith(f"| {Status.PAUSED.code:04X} "))
    end = next(number for number, row in enumerate(rows) if row.startswith("| A900 "))
    assert any("intake is paused" in row and minutes in row for row in rows[start:end])
