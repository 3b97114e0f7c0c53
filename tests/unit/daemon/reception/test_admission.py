import pytest
from support.fakes import ManualClock

from hounsfield.daemon.config.sections import DicomSettings, Peer
from hounsfield.daemon.reception.admission import Admission, Rejection, resolve

PEERS = (
    Peer(ae_title="CT1", host="10.1.2.3"),
    Peer(ae_title="CT2", host="10.2.0.0/16"),
    Peer(ae_title="CT3", host="scanner.example"),
    Peer(ae_title="CT4", host="fd00::7"),
)


def admission(settings: DicomSettings | None = None, peers=PEERS, clock=None, names=None) -> Admission:
    answers = {"scanner.example": ["10.3.0.1"]} if names is None else names
    return Admission(settings or DicomSettings(), peers, clock or ManualClock(), lambda name: answers.get(name, []))


def decide(subject: Admission, calling="CT1", called="HOUNSFIELD", address="10.1.2.3", count=0) -> Rejection | None:
    return subject.decide(calling_ae=calling, called_ae=called, address=address, open_associations=count)


def test_a_known_sender_is_admitted():
    assert decide(admission()) is None
    assert decide(admission(), calling=" CT1  ", called="HOUNSFIELD ") is None


@pytest.mark.parametrize("called", ["", "hounsfield", "OTHER"])
def test_another_called_ae_is_refused(called):
    assert decide(admission(), called=called) is Rejection.CALLED_AE


def test_another_called_ae_is_admitted_when_it_is_not_checked():
    assert decide(admission(DicomSettings(check_called_ae=False)), called="X") is None


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
    ],
)
def test_an_unknown_sender_is_refused(calling, address):
    assert decide(admission(), calling=calling, address=address) is Rejection.UNKNOWN_PEER


@pytest.mark.parametrize(
    ("calling", "address"),
    [
        ("CT1", "::ffff:10.1.2.3"),
        ("CT2", "10.2.255.1"),
        ("CT3", "10.3.0.1"),
        ("CT4", "fd00::7"),
        ("CT4", "fd00:0:0::7%eth0"),
    ],
)
def test_addresses_networks_and_names_are_recognised(calling, address):
    assert decide(admission(), calling=calling, address=address) is None


def test_without_peers_everybody_on_this_machine_is_admitted():
    assert decide(admission(peers=()), calling="ANY", address="127.0.0.1") is None


def test_anybody_is_admitted_on_request():
    assert decide(admission(DicomSettings(allow_any_peer=True)), calling="ANY", address="8.8.8.8") is None


def test_over_the_limit_is_refused_as_transient():
    subject = admission(DicomSettings(max_associations=2))
    assert decide(subject, count=1) is None
    assert decide(subject, count=2) is Rejection.TOO_MANY
    assert Rejection.TOO_MANY.codes == (2, 3, 2)


def test_an_unknown_sender_does_not_learn_that_we_are_full():
    assert decide(admission(DicomSettings(max_associations=1)), calling="X", count=1) is Rejection.UNKNOWN_PEER


def test_a_name_is_looked_up_again_after_a_minute():
    names = {"scanner.example": ["10.3.0.1"]}
    clock = ManualClock()
    subject = admission(clock=clock, names=names)
    assert decide(subject, calling="CT3", address="10.3.0.1") is None
    names["scanner.example"] = ["10.3.0.2"]
    assert decide(subject, calling="CT3", address="10.3.0.2") is Rejection.UNKNOWN_PEER
    clock.advance(61)
    assert decide(subject, calling="CT3", address="10.3.0.2") is None


def test_names_are_resolved_and_unknown_ones_have_no_address():
    assert "127.0.0.1" in resolve("localhost")
    assert resolve("no-such-host.invalid") == []
