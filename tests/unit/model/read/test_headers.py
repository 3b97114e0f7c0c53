"""What is read of one instance, and what field faults become."""

from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless
from support.ct_factory import SIZE, ct_slice, write

from hounsfield.model.errors import ModelError, UnreadableInstance
from hounsfield.model.headers import SliceHeader, read_header

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def header_of(tmp_path: Path, dataset: Dataset, **options: str) -> SliceHeader:
    return read_header(write(dataset, tmp_path / "one.dcm", **options))


def broken(keyword: str, value: bytes, **attributes: object) -> Dataset:
    """A slice with the raw bytes of one element, which pydicom's own checks would not let through."""
    dataset = ct_slice(**attributes)
    tag = BaseTag(tag_for_keyword(keyword) or 0)
    dataset[keyword] = RawDataElement(tag, dictionary_VR(tag)[:2], len(value), value, 0, False, True)
    return dataset


@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_native_syntax_gives_the_same_header(tmp_path: Path, syntax: str | None) -> None:
    header = header_of(tmp_path, ct_slice(z=12.5), **({"syntax": syntax} if syntax else {}))
    assert header.position == (-120.0, -120.0, 12.5)
    assert (header.rows, header.columns, header.bits_stored, header.high_bit) == (SIZE, SIZE, 16, 15)
    assert (header.slope, header.intercept, header.thickness) == (1.0, -1024.0, 5.0)
    assert header.pixel_bytes == SIZE * SIZE * 2
    assert header.native
    assert header.body_part == "HEAD"
    assert header.frames == 1


def test_the_pixel_data_lies_where_the_header_says(tmp_path: Path) -> None:
    dataset = ct_slice()
    for syntax in (ImplicitVRLittleEndian, "1.2.840.10008.1.2.1"):
        header = header_of(tmp_path, dataset, syntax=syntax)
        start = header.pixel_offset or 0
        assert header.path.read_bytes()[start : start + (header.pixel_bytes or 0)] == dataset.PixelData


def test_encapsulated_pixel_data_has_no_native_length(tmp_path: Path) -> None:
    header = header_of(tmp_path, ct_slice(), syntax=RLELossless)
    assert header.pixel_bytes is None
    assert header.pixel_offset is not None
    assert not header.native


def test_a_cut_off_file_has_only_the_bytes_it_has(tmp_path: Path) -> None:
    path = write(ct_slice(), tmp_path / "one.dcm")
    path.write_bytes(path.read_bytes()[:-1000])
    assert read_header(path).pixel_bytes == SIZE * SIZE * 2 - 1000


@pytest.mark.parametrize("value", [b"", b"NaN ", b"abc ", b"inf ", b"1\\2 ", b"1,5 "])
def test_an_unusable_number_is_none_and_never_an_error(tmp_path: Path, value: bytes) -> None:
    header = header_of(tmp_path, broken("RescaleSlope", value))
    assert header.slope is None
    assert header.intercept == -1024.0


@pytest.mark.parametrize("value", [b"1\\0\\0\\0\\1", b"1\\0\\0\\1\\0\\0 ", b"0\\0\\0\\0\\0\\0 ", b"2\\0\\0\\0\\2\\0 "])
def test_an_orientation_that_is_no_plane_is_none(tmp_path: Path, value: bytes) -> None:
    assert header_of(tmp_path, broken("ImageOrientationPatient", value)).orientation is None


@pytest.mark.parametrize("value", [b"0\\0 ", b"-1\\1", b"0.5 "])
def test_a_pixel_spacing_that_is_no_distance_is_none(tmp_path: Path, value: bytes) -> None:
    assert header_of(tmp_path, broken("PixelSpacing", value)).pixel_spacing is None


def test_absent_elements_are_empty_or_none(tmp_path: Path) -> None:
    gone = ("ImagePositionPatient", "SliceThickness", "BodyPartExamined", "PatientID", "Rows", "PixelData", "ImageType")
    header = header_of(tmp_path, ct_slice(**dict.fromkeys(gone)))
    assert header.position is None
    assert header.thickness is None
    assert header.rows == 0
    assert (header.body_part, header.patient.id, header.image_type) == ("", "", ())
    assert header.pixel_offset is None
    assert header.pixel_bytes is None


def test_padding_is_read_by_the_pixel_representation_whatever_its_vr(tmp_path: Path) -> None:
    raw = (-2000).to_bytes(2, "little", signed=True)
    assert header_of(tmp_path, broken("PixelPaddingValue", raw)).padding == -2000
    unsigned = header_of(tmp_path, broken("PixelPaddingValue", raw, PixelRepresentation=0))
    assert unsigned.padding == 65536 - 2000


@pytest.mark.parametrize(
    ("syntax", "flag", "lossy"),
    [(None, None, False), (None, "01", True), (None, "00", False), ("1.2.840.10008.1.2.4.91", None, True)],
)
def test_lossy_is_known_from_flag_and_syntax(tmp_path: Path, syntax: str | None, flag: str | None, lossy: bool) -> None:
    options = {"syntax": syntax} if syntax else {}
    assert header_of(tmp_path, ct_slice(LossyImageCompression=flag), **options).lossy is lossy


@pytest.mark.parametrize(("agent", "contrast"), [(None, False), ("", False), ("NONE", False), ("Iomeron 350", True)])
def test_contrast_is_an_agent_that_is_not_none(tmp_path: Path, agent: str | None, contrast: bool) -> None:
    assert header_of(tmp_path, ct_slice(ContrastBolusAgent=agent)).contrast is contrast


def test_a_contrast_sequence_with_an_item_is_contrast(tmp_path: Path) -> None:
    assert header_of(tmp_path, ct_slice(ContrastBolusAgentSequence=[Dataset()])).contrast


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"PatientID": "T-1"}, {"PatientID": " T-1 "}),
        ({"PatientName": "Doe^John"}, {"PatientName": "Doe^John^^^ "}),
        ({"PatientName": "Doe^John"}, {"PatientName": "Doe ^John"}),
        ({"PatientName": "Müller^Ä"}, {"PatientName": "Müller^Ä", "SpecificCharacterSet": "ISO_IR 192"}),
        ({"PatientBirthDate": "19500101"}, {"PatientBirthDate": "19500101 "}),
        ({"PatientName": "Müller"}, {"PatientName": "Müller", "SpecificCharacterSet": "ISO-IR 192"}),
    ],
)
def test_insignificant_differences_are_the_same_patient(
    tmp_path: Path, one: dict[str, object], other: dict[str, object]
) -> None:
    assert header_of(tmp_path, ct_slice(**one)).patient == header_of(tmp_path, ct_slice(**other)).patient


@pytest.mark.parametrize(
    "other",
    [
        {"PatientID": "t-1"},
        {"PatientID": "T 1"},
        {"IssuerOfPatientID": "Clinic B"},
        {"PatientName": "Test^Hand"},
        {"PatientName": "TEST^Head"},
        {"PatientBirthDate": "19500102"},
        {"PatientSex": "F"},
        {"PatientName": None},
    ],
)
def test_any_real_difference_is_another_patient(tmp_path: Path, other: dict[str, object]) -> None:
    assert header_of(tmp_path, ct_slice()).patient != header_of(tmp_path, ct_slice(**other)).patient


def test_japanese_names_are_decoded_by_their_own_character_set(tmp_path: Path) -> None:
    coded = ct_slice(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎")
    utf8 = ct_slice(SpecificCharacterSet="ISO_IR 192", PatientName="Yamada^Tarou=山田^太郎")
    assert header_of(tmp_path, coded).patient.name == "Yamada^Tarou=山田^太郎"
    assert header_of(tmp_path, coded).patient == header_of(tmp_path, utf8).patient


def test_different_undecodable_ids_stay_different(tmp_path: Path) -> None:
    content = write(ct_slice(SpecificCharacterSet="ISO_IR 192"), tmp_path / "one.dcm").read_bytes()
    ids = set()
    for value in (b"A\xff1 ", b"A\xfe1 "):
        path = tmp_path / "damaged.dcm"
        path.write_bytes(content.replace(b"T-1 ", value))
        ids.add(read_header(path).patient.id)
    assert len(ids) == 2


def test_a_patient_is_never_printed(tmp_path: Path) -> None:
    header = header_of(tmp_path, ct_slice(PatientName="Secret^Name", PatientID="SECRET-7"))
    assert "ecret" not in repr(header.patient) + str(header.patient) + repr(header)
    assert "SECRET" not in repr(header)


def nested(depth: int) -> bytes:
    """A sequence of undefined length in a sequence in a sequence."""
    opening = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return opening * depth


@pytest.mark.parametrize("content", [b"", b"no DICOM at all", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICX" + b"x" * 99])
def test_what_is_no_part_10_file_is_unreadable_or_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    try:
        header = read_header(path)
    except UnreadableInstance:
        return
    assert header.sop_instance_uid == ""
    assert header.pixel_offset is None


def test_nesting_without_end_is_unreadable(tmp_path: Path) -> None:
    path = write(ct_slice(PixelData=None), tmp_path / "x.dcm")
    path.write_bytes(path.read_bytes()[: 132 + 400] + nested(50_000))
    whole = write(Dataset(), tmp_path / "meta.dcm").read_bytes()
    path.write_bytes(whole + nested(50_000))
    with pytest.raises(UnreadableInstance, match="nested"):
        read_header(path)


def test_deflated_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    path = write(ct_slice(), tmp_path / "x.dcm")
    deflated = b"UI\x16\x001.2.840.10008.1.2.1.99"
    path.write_bytes(path.read_bytes().replace(b"UI\x14\x001.2.840.10008.1.2.1\0", deflated, 1))
    with pytest.raises(UnreadableInstance, match="deflated"):
        read_header(path)


def test_a_forged_length_takes_no_memory(tmp_path: Path) -> None:
    path = write(ct_slice(PixelData=None, PatientID=None), tmp_path / "x.dcm")
    forged = b"\x10\x00\x20\x00UN\0\0\xf0\xff\xff\x7f" + b"abc"
    path.write_bytes(path.read_bytes() + forged)
    assert read_header(path).patient.id in ("", "abc")


def test_a_missing_file_is_unreadable_without_its_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInstance) as caught:
        read_header(tmp_path / "Doe^John.dcm")
    assert "Doe" not in str(caught.value)
    assert isinstance(caught.value, ModelError)


def test_mutated_files_are_read_or_unreadable_and_nothing_else(tmp_path: Path) -> None:
    import random

    dice = random.Random(5)
    dataset = ct_slice(ContrastBolusAgentSequence=Sequence([Dataset()]))
    content = write(dataset, tmp_path / "x.dcm").read_bytes()
    readable = 0
    for _ in range(300):
        changed = bytearray(content[: len(content) - 2 * SIZE * SIZE + 50])
        for _ in range(dice.randint(1, 8)):
            changed[dice.randrange(132, len(changed))] = dice.randrange(256)
        path = tmp_path / "mutant.dcm"
        path.write_bytes(changed[: dice.randint(200, len(changed))] if dice.random() < 0.3 else changed)
        try:
            assert read_header(path).path == path
            readable += 1
        except UnreadableInstance:
            continue
    assert readable > 100
