"""Attributes by keyword: what may be asked for, and what comes of bytes that are not as they should be."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian
from support.ct_factory import ct_slice, write
from support.datasets import dataset_bytes, element

from hounsfield.model.attributes import LONGEST_TEXT, Kind, UnknownAttribute, Values, attribute, read_attributes
from hounsfield.model.errors import UnreadableInstance


def read(path: Path, keyword: str, **attributes: object) -> Values:
    return read_attributes(write(ct_slice(**attributes), path / "a.dcm"), [keyword])[keyword]


@pytest.mark.parametrize(
    ("keyword", "kind"),
    [
        ("SeriesDescription", Kind.TEXT),
        ("SliceThickness", Kind.NUMBER),
        ("Rows", Kind.NUMBER),
        ("StudyDate", Kind.TEXT),
    ],
)
def test_texts_and_numbers_can_be_asked_for(keyword: str, kind: Kind) -> None:
    assert attribute(keyword).kind is kind


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("SeriesDescrption", "did you mean SeriesDescription?"),
        ("", "no DICOM attribute"),
        ("_private", "no DICOM attribute"),
        ("ReferencedImageSequence", "a sequence"),
        ("PixelData", "neither text nor numbers"),
        ("FrameIncrementPointer", "neither text nor numbers"),
        ("TransferSyntaxUID", "no attribute of the data set"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_a_reason(keyword: str, words: str) -> None:
    with pytest.raises(UnknownAttribute) as caught:
        attribute(keyword)
    assert words in str(caught.value)


@pytest.mark.parametrize("keyword", ["PatientID", "PatientAge", "ReferringPhysicianName", "AccessionNumber"])
def test_what_says_who_somebody_is_counts_as_personal(keyword: str) -> None:
    assert attribute(keyword).personal


@pytest.mark.parametrize("keyword", ["SeriesDescription", "StationName", "SliceThickness", "SeriesInstanceUID"])
def test_what_says_nothing_of_a_person_can_be_shown(keyword: str) -> None:
    assert not attribute(keyword).personal


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_values_are_the_same_in_every_syntax(tmp_path: Path, syntax: str) -> None:
    given_values = {"SpacingBetweenSlices": "2.50 ", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "CTDIvol": 12.5}
    path = write(ct_slice(**given_values), tmp_path / "a.dcm", syntax=syntax)
    found = read_attributes(path, ["SpacingBetweenSlices", "ImageType", "Rows", "CTDIvol", "PatientName"])
    assert found == {
        "SpacingBetweenSlices": (2.5,),
        "ImageType": ("ORIGINAL", "PRIMARY", "AXIAL"),
        "Rows": (64.0,),
        "CTDIvol": (12.5,),
        "PatientName": ("Test^Head",),
    }


def test_text_is_read_in_the_character_set_of_its_instance(tmp_path: Path) -> None:
    described = read(tmp_path, "SeriesDescription", SpecificCharacterSet="ISO_IR 192", SeriesDescription=" Schädel ")
    assert described == ("Schädel",)
    japanese = read(tmp_path, "SeriesDescription", SpecificCharacterSet=r"\ISO 2022 IR 87", SeriesDescription="頭部")
    assert japanese == ("頭部",)


def test_a_backslash_divides_values_but_not_in_long_text(tmp_path: Path) -> None:
    assert read(tmp_path, "ConvolutionKernel", ConvolutionKernel=["H31s", "3"]) == ("H31s", "3")
    assert read(tmp_path, "ImageComments", ImageComments="a\\b") == ("a\\b",)


def test_bytes_that_cannot_be_decoded_divide_nothing(tmp_path: Path) -> None:
    path = write(ct_slice(SpecificCharacterSet="ISO_IR 192", SeriesDescription="Schxdel"), tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes().replace(b"Schxdel", b"Sch\xe4del"))
    assert read_attributes(path, ["SeriesDescription"])["SeriesDescription"] == ("Sch\\xe4del",)


@pytest.mark.parametrize("keyword", ["SliceThickness", "BodyPartExamined"])
@pytest.mark.parametrize("value", [None, ""])
def test_absent_and_empty_have_no_values(tmp_path: Path, keyword: str, value: str | None) -> None:
    assert read(tmp_path, keyword, **{keyword: value}) == ()


@pytest.mark.parametrize("written", [b"abc ", b"1_0 ", b"nan ", b"1e999 ", b"0x10", "１".encode()])
def test_a_number_that_is_none_stays_a_text(tmp_path: Path, written: bytes) -> None:
    path = write(ct_slice(SliceThickness="77.77"), tmp_path / "a.dcm")
    whole = path.read_bytes()
    old = element(0x00180050, b"DS", b"77.77 ")
    assert old in whole
    path.write_bytes(whole.replace(old, element(0x00180050, b"DS", written + b" " * (len(written) % 2))))
    (value,) = read_attributes(path, ["SliceThickness"])["SliceThickness"]
    assert isinstance(value, str)


def test_very_long_text_is_cut(tmp_path: Path) -> None:
    (value,) = read(tmp_path, "ImageComments", ImageComments="x" * 9000)
    assert value == "x" * LONGEST_TEXT


def test_a_signed_value_is_read_as_its_pixels_are(tmp_path: Path) -> None:
    assert read(tmp_path, "PixelPaddingValue", PixelPaddingValue=-2000) == (-2000.0,)
    assert read(tmp_path, "PixelPaddingValue", PixelRepresentation=0, PixelPaddingValue=63536) == (63536.0,)


def test_a_file_that_is_no_dicom_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 500)
    with pytest.raises(UnreadableInstance):
        read_attributes(tmp_path / "a", ["Modality"])


@given(st.data())
def test_damaged_files_never_raise_anything_else(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.dcm"
    write(ct_slice(PixelData=None, ImageComments="x", CTDIvol=1.0), path)
    whole = bytearray(path.read_bytes())
    start = len(whole) - len(dataset_bytes(path))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(start, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    keywords = ["SeriesDescription", "SliceThickness", "Rows", "PatientName", "ImageType", "CTDIvol", "ImageComments"]
    try:
        found = read_attributes(path, keywords)
    except UnreadableInstance:
        return
    assert set(found) == set(keywords)
    assert all(isinstance(value, str | float) for values in found.values() for value in values)
