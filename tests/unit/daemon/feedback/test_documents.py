"""What is read out of documents: title, references and marks of ours, whatever stands around them."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian
from pydicom.uid import ImplicitVRLittleEndian as ImplicitLittle
from support.datasets import encoded
from support.readers_documents import KEY_OBJECTS, code, document, reference, text_item
from support.spool_values import SENT
from support.spooling import spooled

from hounsfield.daemon.feedback import documents
from hounsfield.daemon.feedback.documents import UNREADABLE, DocumentReader, read_document
from hounsfield.daemon.product import MANUFACTURER, PRODUCT
from hounsfield.storage.spool import Spool

DEVICE = "2.25.4242"
SYNTAXES = [ExplicitVRLittleEndian, ImplicitLittle, ExplicitVRBigEndian]


def read(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> documents.Document:
    return read_document(encoded(dataset, syntax), syntax, DEVICE)


def nested(levels: int, innermost: Dataset) -> Dataset:
    item = innermost
    for _ in range(levels):
        outer = Dataset()
        outer.ContentSequence = [item]
        item = outer
    return item


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_title_and_references_are_read_alike_in_every_encoding(syntax: str) -> None:
    found = read(document("113000", ["1.2.3", "1.2.4"]), syntax)
    assert (found.title, found.references) == ("113000,DCM", ("1.2.3", "1.2.4"))
    assert not found.has_our_marks


def test_references_deep_in_the_tree_are_found() -> None:
    deep = Dataset()
    deep.ReferencedSOPSequence = [reference("1.2.9")]
    dataset = document("113000", [])
    dataset.ContentSequence = [nested(20, deep)]
    assert read(dataset).references == ("1.2.9",)


def test_studies_and_identical_copies_are_no_subject_of_a_document() -> None:
    dataset = document("113000", ["1.2.3"])
    dataset.ReferencedStudySequence = [reference("1.2.7")]
    dataset.IdenticalDocumentsSequence = [reference("1.2.8")]
    assert read(dataset).references == ("1.2.3",)


def test_the_title_is_the_concept_of_the_root_and_no_other() -> None:
    dataset = document("113000", [], content=[text_item("words", "113037")])
    dataset.ProcedureCodeSequence = [code("113038")]
    assert read(dataset).title == "113000,DCM"
    del dataset.ConceptNameCodeSequence
    assert read(dataset).title == ""


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Manufacturer", MANUFACTURER),
        ("Manufacturer", f" {MANUFACTURER.upper()} "),
        ("DeviceSerialNumber", DEVICE),
        ("DeviceUID", DEVICE),
    ],
)
def test_equipment_of_ours_makes_it_ours(keyword: str, value: str) -> None:
    dataset = document("113000", ["1.2.3"])
    setattr(dataset, keyword, value)
    assert (read(dataset).made_by_us, read(dataset).has_our_marks) == (True, True)


def _contributor() -> Dataset:
    item = Dataset()
    item.Manufacturer = MANUFACTURER
    return item


def _author() -> Dataset:
    item = Dataset()
    item.ManufacturerModelName = PRODUCT
    return item


def _observer() -> Dataset:
    item = Dataset()
    item.ValueType, item.UID = "UIDREF", DEVICE
    return item


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ManufacturerModelName", PRODUCT),
        ("ContributingEquipmentSequence", [_contributor()]),
        ("AuthorObserverSequence", [_author()]),
        ("ContentSequence", [text_item(MANUFACTURER)]),
        ("ContentSequence", [_observer()]),
    ],
)
def test_any_other_mark_shows_that_a_document_is_ours_but_proves_nothing_about_an_image(
    keyword: str, value: object
) -> None:
    dataset = document("113000", ["1.2.3"])
    setattr(dataset, keyword, value)
    assert (read(dataset).made_by_us, read(dataset).has_our_marks) == (False, True)


def test_a_readers_report_that_quotes_ours_is_the_readers() -> None:
    quoted = Dataset()
    quoted.ContentSequence = [text_item(MANUFACTURER), _observer()]
    assert not read(document("113000", ["1.2.3"], content=[quoted])).has_our_marks


@pytest.mark.parametrize("maker", ["Hounsfield", "Hounsfield project 2", "", "GE MEDICAL SYSTEMS"])
def test_another_maker_is_not_taken_for_us(maker: str) -> None:
    dataset = document("113000", ["1.2.3"])
    dataset.Manufacturer = maker
    assert not read(dataset).has_our_marks


def test_no_more_references_are_followed_than_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_REFERENCES", 5)
    assert len(read(document("113000", [f"1.2.{n}" for n in range(50)])).references) == 5


@pytest.mark.parametrize("levels", [70, 500])
def test_a_tree_that_is_too_deep_says_nothing(levels: int) -> None:
    data = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * levels
    assert read_document(data, ExplicitVRLittleEndian, DEVICE) is UNREADABLE


@given(st.binary(max_size=300), st.sampled_from(SYNTAXES))
def test_whatever_the_bytes_are_nothing_is_raised(data: bytes, syntax: str) -> None:
    assert read_document(data, syntax, DEVICE).made_by_us is False


@given(st.data())
def test_a_document_cut_or_damaged_anywhere_raises_nothing(data: st.DataObject) -> None:
    original = document("113037", ["1.2.3", "1.2.4"], uid="1.2.5", series="1.2.6")
    whole = bytearray(encoded(original, ExplicitVRLittleEndian))
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    found = read_document(cut, ExplicitVRLittleEndian, DEVICE)
    assert len(found.references) <= 8


def test_a_document_is_read_from_the_spool_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    data = encoded(document("113000", ["1.2.3"]), ExplicitVRLittleEndian)
    digest = spooled(spool, replace(SENT, sop_class_uid=KEY_OBJECTS), data)
    reader = DocumentReader(spool, DEVICE)
    first = reader.read(spool.head(digest).receipt)
    assert first.references == ("1.2.3",)
    receipt = spool.head(digest).receipt
    spool.path(digest).unlink()
    assert reader.read(receipt) is first
    assert DocumentReader(spool, DEVICE).read(receipt) is UNREADABLE


def test_what_is_too_large_is_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    digest = spooled(spool, SENT, encoded(document("113000", ["1.2.3"]), ExplicitVRLittleEndian))
    monkeypatch.setattr(documents, "LONGEST", 10)
    assert DocumentReader(spool, DEVICE).read(spool.head(digest).receipt) is UNREADABLE


def test_a_deflated_document_says_nothing() -> None:
    assert read_document(b"\x00\x01", DeflatedExplicitVRLittleEndian, DEVICE) is UNREADABLE
