"""Series are found by keyed hashes of their UID and accession number; the number itself is kept nowhere."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from support.datasets import encoded
from support.fakes import ManualClock
from support.spool_values import SENT
from support.spooling import spooled
from support.stored import SERIES, STUDY, at

from hounsfield.daemon.assembly import describing
from hounsfield.daemon.assembly.describing import Describer, accession_handle
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.log_book import Description
from hounsfield.storage.records import SeriesRecord
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import SeriesState

HASHER = UidHasher(b"k" * 32)


class Book:
    """What is not described yet, and what was."""

    def __init__(self) -> None:
        self.waiting: list[SeriesRecord] = []
        self.images: dict[int, str] = {}
        self.described: list[Description] = []
        self.asked = 0

    def undescribed(self, limit: int = 100) -> list[SeriesRecord]:
        self.asked += 1
        return self.waiting[:limit]

    def first_image(self, series_id: int) -> str | None:
        return self.images.get(series_id)

    def describe(self, descriptions: Sequence[Description]) -> None:
        done = {one.series_id for one in descriptions}
        self.waiting = [one for one in self.waiting if one.id not in done]
        self.described += descriptions


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool")
    made.prepare()
    return made


def image(spool: Spool, number: str | None, charset: str = "", syntax: str = ExplicitVRLittleEndian) -> str:
    """Return the digest of an image in the spool."""
    dataset = Dataset()
    if charset:
        dataset.SpecificCharacterSet = charset
    if number is not None:
        dataset.AccessionNumber = number
    dataset.PatientID = "ID42"
    return spooled(spool, replace(SENT, transfer_syntax=syntax), encoded(dataset, syntax))


def received(series_id: int) -> SeriesRecord:
    times = dict.fromkeys(("first_received_at", "last_received_at", "touched_at", "receiving_since"), at(0))
    counts = dict.fromkeys(("revision", "duplicates", "variants"), 0)
    return SeriesRecord(
        id=series_id,
        series_uid=SERIES,
        study_uid=STUDY,
        state=SeriesState.RECEIVING,
        completeness=None,
        reason=None,
        remarks=(),
        instances=1,
        closed_at=None,
        version=1,
        **times,
        **counts,
    )


def described(spool: Spool, digest: str | None) -> Description:
    book = Book()
    book.waiting = [received(7)]
    if digest is not None:
        book.images[7] = digest
    assert Describer(book=book, spool=spool, hasher=HASHER, clock=ManualClock()).tick() == 1
    return book.described[0]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_series_is_found_by_its_uid_and_its_accession_number(spool: Spool, syntax: str) -> None:
    found = described(spool, image(spool, "A 123", syntax=syntax))
    assert found == Description(series_id=7, handle=HASHER(SERIES), accession=accession_handle(HASHER, " A 123 "))
    assert found.accession is not None


def test_the_number_is_decoded_before_it_is_hashed(spool: Spool) -> None:
    umlaut = described(spool, image(spool, "Ä12", "ISO_IR 100"))
    assert umlaut.accession == described(spool, image(spool, "Ä12", "ISO_IR 192")).accession
    assert umlaut.accession == accession_handle(HASHER, "A\u030812"), "however it is typed"


@pytest.mark.parametrize("number", [None, "", "   "])
def test_a_series_without_a_number_has_no_hash_of_one(spool: Spool, number: str | None) -> None:
    assert described(spool, image(spool, number)).accession is None


def test_images_that_are_gone_or_cannot_be_read_leave_the_hash_of_the_uid(spool: Spool) -> None:
    broken = spooled(spool, SENT, b"\x08\x00\x50\x00SH\xff\xff123")
    for digest in (None, "0" * 64, "../../etc/passwd", broken):
        assert described(spool, digest) == Description(series_id=7, handle=HASHER(SERIES), accession=None)


def test_it_looks_once_a_second(spool: Spool) -> None:
    book, clock = Book(), ManualClock()
    describer = Describer(book=book, spool=spool, hasher=HASHER, clock=clock)
    for seconds, asked in ((0, 1), (0.5, 1), (0.5, 2), (0.9, 2), (0.1, 3)):
        clock.advance(seconds)
        assert describer.tick() == 0
        assert book.asked == asked


def test_a_slow_disk_does_not_hold_up_the_assembler(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    book, clock = Book(), ManualClock()
    book.waiting = [received(number) for number in range(5)]
    book.images = dict.fromkeys(range(5), "0" * 64)

    def slow(*_arguments: object) -> dict[str, tuple[str, ...]]:
        clock.advance(0.2)
        return {"AccessionNumber": ()}

    monkeypatch.setattr(describing, "read_attributes", slow)
    describer = Describer(book=book, spool=spool, hasher=HASHER, clock=clock)
    assert describer.tick() == 3
    clock.advance(1)
    assert describer.tick() == 2
    assert [one.series_id for one in book.described] == [0, 1, 2, 3, 4]
