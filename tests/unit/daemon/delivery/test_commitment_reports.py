"""Reports of storage commitment as bytes: what is understood, and that nothing a peer makes up does harm."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.dsutils import encode
from support.commitment_peers import report_of
from support.fakes import ManualClock

from hounsfield.daemon.delivery.proof.reports import ReportDesk, Unreadable, read_report
from hounsfield.storage.commitments import AnswerTaken, CommitmentAnswer

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def encoded(report: Dataset, syntax: str = ImplicitVRLittleEndian) -> bytes:
    data = encode(report, syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian)
    assert data is not None
    return data


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_report_is_read_in_each_transfer_syntax_that_is_agreed_to(syntax: str) -> None:
    report = report_of("2.25.7", ["2.25.1", "2.25.2"], {"2.25.3": 0x0112})
    assert read_report(encoded(report, syntax), syntax) == CommitmentAnswer(
        transaction_uid="2.25.7", kept=["2.25.1", "2.25.2"], failed={"2.25.3": 0x0112}
    )


def without_reason() -> Dataset:
    report = report_of("2.25.7", failed={"2.25.3": 1})
    del report.FailedSOPSequence[0].FailureReason
    return report


@pytest.mark.parametrize("report", [without_reason(), report_of("2.25.7", failed={"2.25.3": 0})])
def test_a_failure_without_a_reason_never_passes_for_a_success(report: Dataset) -> None:
    assert read_report(encoded(report), ImplicitVRLittleEndian).failed == {"2.25.3": 0x0110}


def nested(levels: int) -> Dataset:
    inner = report_of("2.25.7", ["2.25.1"])
    for _ in range(levels):
        outer = report_of("2.25.7")
        outer.ReferencedSOPSequence = [inner]
        inner = outer
    return inner


def nameless(tag: str) -> Dataset:
    report = report_of("2.25.7", ["2.25.1"])
    delattr(report if tag == "TransactionUID" else report.ReferencedSOPSequence[0], tag)
    return report


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        encoded(report_of("2.25.7", ["2.25.1"]))[:-3],
        encoded(nested(100)),
        encoded(report_of("2.25.7", [f"2.25.{number}" for number in range(5000)])),
        encoded(report_of("1" * 66, ["2.25.1"])),
        encoded(nameless("TransactionUID")),
        encoded(nameless("ReferencedSOPInstanceUID")),
        encoded(report_of("2.25.7", ["2.25.1"]), ExplicitVRLittleEndian),
    ],
    ids=["empty", "zeros", "cut", "deep", "many", "long", "nameless", "nameless item", "another syntax"],
)
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_report(data, ImplicitVRLittleEndian)


def test_compressed_reports_are_not_read_at_all() -> None:
    with pytest.raises(Unreadable):
        read_report(encoded(report_of("2.25.7", ["2.25.1"])), DeflatedExplicitVRLittleEndian)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SYNTAXES), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8))
def test_bytes_that_were_tampered_with_are_read_or_refused(syntax: str, changes: Sequence[tuple[int, int]]) -> None:
    data = bytearray(encoded(report_of("2.25.7", ["2.25.1"], {"2.25.3": 0x0112}), syntax))
    for at, value in changes:
        data[at % len(data)] = value
    try:
        answer = read_report(bytes(data), syntax)
    except Unreadable:
        return
    assert 0 not in answer.failed.values()
    assert all(0 < len(uid) <= 64 for uid in (answer.transaction_uid, *answer.kept, *answer.failed))


class Store:
    """Takes whatever answer a test wants."""

    def __init__(self, taken: AnswerTaken) -> None:
        self.taken = taken
        self.answers: list[CommitmentAnswer] = []

    def answer(self, answer: CommitmentAnswer, _now: object) -> AnswerTaken:
        self.answers.append(answer)
        return self.taken


@pytest.mark.parametrize("taken", list(AnswerTaken))
def test_every_report_that_can_be_read_is_answered_as_a_success_and_counted(taken: AnswerTaken) -> None:
    desk = ReportDesk(Store(taken), ManualClock())  # type: ignore[arg-type]
    data = encoded(report_of("2.25.7", ["2.25.1"]))
    assert [desk.take(1, data, ImplicitVRLittleEndian) for _ in range(2)] == [0, 0]
    assert desk.counts == {str(taken): 2}


@pytest.mark.parametrize(("event_type", "status"), [(None, 0x0113), (0, 0x0113), (3, 0x0113), (2, 0x0115)])
def test_what_cannot_be_read_is_refused_with_its_status_and_does_not_reach_the_database(
    event_type: int | None, status: int
) -> None:
    store = Store(AnswerTaken.RECORDED)
    desk = ReportDesk(store, ManualClock())  # type: ignore[arg-type]
    assert desk.take(event_type, b"garbage", ImplicitVRLittleEndian) == status
    assert store.answers == []
