"""Reports of storage commitment on both ways of reading: taken in, and no way past the limits of reception."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset
from pynetdicom import AE, build_context, build_role
from support.commitment_peers import COMMITMENT, WELL_KNOWN, report_of, reporting, send_report
from support.raw_scu import CT, associated, store
from support.reception import Reception, receiving

from hounsfield.daemon.association.reactor import requested
from hounsfield.daemon.delivery.proof.reports import Unreadable, read_report


class Taken:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.reports: list[tuple[int | None, bytes, str]] = []
        self.status = 0

    def take(self, event_type: int | None, data: bytes, syntax: str) -> int:
        self.reports.append((event_type, data, syntax))
        return self.status


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def reception(tmp_path: Path, short_path: bool, taken: Taken) -> Iterator[Reception]:
    with receiving(tmp_path, short_path=short_path, take_report=taken.take) as running:
        yield running


def test_a_report_is_taken_with_its_bytes_and_answered(reception: Reception, taken: Taken) -> None:
    with reporting(reception.port) as association:
        assert send_report(association, report_of("2.25.7", ["2.25.1"], {"2.25.2": 0x0112})) == 0
        taken.status = 0x0110
        assert send_report(association, report_of("2.25.8", ["2.25.1"])) == 0x0110
    (first, second) = taken.reports
    assert (first[0], second[0]) == (2, 1)
    assert read_report(first[1], first[2]).failed == {"2.25.2": 0x0112}


def test_a_report_without_event_information_is_answered(reception: Reception, taken: Taken) -> None:
    with reporting(reception.port) as association:
        answer, _ = association.send_n_event_report(None, 1, COMMITMENT, WELL_KNOWN)
        assert answer.Status == 0
    assert taken.reports == [(1, b"", "1.2.840.10008.1.2.1")]


def test_images_and_reports_may_share_an_association(reception: Reception, taken: Taken) -> None:
    ae = AE("ARCHIVE")
    contexts = [build_context(CT), build_context(COMMITMENT)]
    roles = [build_role(COMMITMENT, scp_role=True)]
    association = requested(ae, "127.0.0.1", reception.port, contexts=contexts, ae_title="HOUNSFIELD", ext_neg=roles)
    assert store(association, b"no data set") == 0xC000
    assert send_report(association, report_of("2.25.7", ["2.25.1"])) == 0
    assert store(association, b"no data set") == 0xC000
    association.release()
    assert len(taken.reports) == 1


def test_nothing_is_stored_in_the_context_of_a_report(reception: Reception) -> None:
    with reporting(reception.port) as association:
        status = store(association, b"anything", sop_class=COMMITMENT, context_class=COMMITMENT)
        assert status == -1 or status & 0xFF00 == 0xA900
    assert reception.digests() == set()


def test_nobody_gets_anything_committed_by_us(reception: Reception, taken: Taken) -> None:
    with reporting(reception.port) as association:
        # the library would not send what its role forbids
        association.accepted_contexts[0]._as_scu = True
        answer, _ = association.send_n_action(report_of("2.25.7", ["2.25.1"]), 1, COMMITMENT, WELL_KNOWN)
        assert getattr(answer, "Status", 0xFFFF) != 0
    assert taken.reports == []


def test_an_event_of_another_service_in_its_context_is_not_taken(reception: Reception, taken: Taken) -> None:
    with reporting(reception.port) as association:
        answer, _ = association.send_n_event_report(
            report_of("2.25.7", ["2.25.1"]), 1, "1.2.840.10008.5.1.1.16", WELL_KNOWN, meta_uid=COMMITMENT
        )
        assert getattr(answer, "Status", 0xFFFF) != 0
    assert taken.reports == []


def test_a_report_that_is_too_long_is_not_read(reception: Reception, taken: Taken, short_path: bool) -> None:
    report = Dataset()
    report.TransactionUID = "2.25.7"
    report.RetrieveAETitle = "X" * 16
    report.add_new(0x0009_0010, "LO", "FILLER")
    report.add_new(0x0009_1001, "OB", bytes(2 * 1024 * 1024))
    with reporting(reception.port) as association:
        status = send_report(association, report)
    if short_path:
        assert status is None
        assert taken.reports == []
    else:  # the library's path takes as much as an image may have
        (one,) = taken.reports
        with pytest.raises(Unreadable):
            read_report(one[1], one[2])


def test_without_a_destination_that_commits_the_class_is_not_agreed_to(tmp_path: Path, short_path: bool) -> None:
    with receiving(tmp_path, short_path=short_path) as running:
        with reporting(running.port) as association:
            assert not association.is_established
        with associated(running.port) as scanner:
            assert scanner.is_established
