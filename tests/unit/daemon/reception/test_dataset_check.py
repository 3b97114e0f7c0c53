import struct
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from support.ct_factory import ct_slice
from support.datasets import element, encoded, nested, tiny, uid_element

from hounsfield.daemon.reception.dataset_check import identify
from hounsfield.daemon.reception.status import InstanceRefused, Status

NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
CT = "1.2.840.10008.5.1.4.1.1.2"


def refusal(data: bytes, syntax: str = ExplicitVRLittleEndian) -> Status:
    with pytest.raises(InstanceRefused) as caught:
        identify(data, syntax)
    return caught.value.status


def answer(data: bytes, syntax: str) -> int:
    try:
        identify(data, syntax)
    except InstanceRefused as refused:
        return refused.status.code
    return Status.STORED.code


def rich_slice() -> Dataset:
    dataset = ct_slice()
    inner, outer = Dataset(), Dataset()
    inner.CodeValue = "113100"
    outer.PurposeOfReferenceCodeSequence = Sequence([inner])
    outer.ReferencedSOPInstanceUID = "9.9.9"
    dataset.SourceImageSequence = Sequence([outer, Dataset()])
    dataset.add_new(0x00091010, "UN", b"\xfe\xff\x00\xe0private!")
    return dataset


@pytest.mark.parametrize("syntax", NATIVE)
def test_the_identity_is_read_alike_in_every_encoding(syntax):
    dataset = rich_slice()
    identity = identify(encoded(dataset, syntax), syntax)
    assert identity.sop_class_uid == dataset.SOPClassUID == CT
    assert identity.sop_instance_uid == dataset.SOPInstanceUID
    assert identity.study_uid == dataset.StudyInstanceUID
    assert identity.series_uid == dataset.SeriesInstanceUID
    assert not identity.is_marked_ours
    assert not identity.has_leading_zeros


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("undefined", [True, False])
def test_sequences_of_both_kinds_are_walked(syntax, undefined):
    dataset = rich_slice()
    for item in dataset.SourceImageSequence:
        item.is_undefined_length_sequence_item = undefined
    dataset["SourceImageSequence"].is_undefined_length = undefined
    assert identify(encoded(dataset, syntax), syntax).sop_instance_uid == dataset.SOPInstanceUID


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_encapsulated_pixel_data_are_walked_to_their_end(syntax):
    fragments = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + struct.pack("<HHI", 0xFFFE, 0xE000, 4) + b"abcd"
    pixels = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + fragments
    delimiter = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    assert identify(tiny(more=pixels + delimiter), syntax).series_uid == "1.2.3.5"
    assert refusal(tiny(more=pixels), syntax) is Status.TRUNCATED
    assert refusal(tiny(more=pixels + b"junkjunk"), syntax) is Status.NOT_A_DATASET


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        (b"Hounsfield project", True),
        (b"Hounsfield project  ", True),
        (b" Hounsfield project\0", True),
        (b"Hounsfield projectXX", False),
        (b"HOUNSFIELD PROJECT", False),
    ],
)
def test_our_own_manufacturer_is_recognised_with_its_padding_and_no_other(value, ours):
    uids = tiny()
    head = len(uid_element(0x00080016, CT) + uid_element(0x00080018, "1.2.3.4"))
    data = uids[:head] + element(0x00080070, b"LO", value) + uids[head:]
    assert identify(data, ExplicitVRLittleEndian).is_marked_ours is ours


@pytest.mark.parametrize("field", ["sop_class", "instance", "study", "series"])
@pytest.mark.parametrize(
    "uid", ["", "1." * 32 + "1", "1.2.a", "../../etc/x", "1.2\\3", "1.2 3", "1.2\n", "1.2X", "1.2\xe9"]
)
def test_a_uid_that_cannot_be_used_is_refused(field, uid):
    assert refusal(tiny(**{field: uid})) is Status.UNUSABLE_UID


def test_a_uid_of_64_characters_or_with_leading_zeros_is_accepted():
    longest = "1." * 31 + "22"
    assert identify(tiny(instance=longest), ExplicitVRLittleEndian).sop_instance_uid == longest
    assert identify(tiny(instance="1.02.3"), ExplicitVRLittleEndian).sop_instance_uid == "1.02.3"


@pytest.mark.parametrize("field", ["sop_class", "instance", "study", "series"])
@pytest.mark.parametrize(("uid", "has"), [("1.02.3", True), ("01.2", True), ("1.00", True), ("1.0.20", False)])
def test_a_leading_zero_is_found_in_each_of_the_four_uids(field, uid, has):
    assert identify(tiny(**{field: uid}), ExplicitVRLittleEndian).has_leading_zeros is has


def test_uids_padded_with_a_space_are_accepted():
    assert identify(tiny(series="1.2.9 "), ExplicitVRLittleEndian).series_uid == "1.2.9"


@pytest.mark.parametrize("tag", [0x00080016, 0x00080018, 0x0020000D, 0x0020000E])
def test_a_missing_uid_is_refused(tag):
    tags = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
    data = b"".join(uid_element(t, "1.2.3") for t in tags if t != tag)
    assert refusal(data) is Status.UNUSABLE_UID


def test_a_uid_that_is_there_twice_is_refused():
    assert refusal(tiny(more=uid_element(0x00080018, "1.2.99"))) is Status.NOT_A_DATASET


def test_a_uid_behind_the_pixels_is_refused():
    data = uid_element(0x00080016, CT) + element(0x7FE00010, b"OW", b"\0\0") + uid_element(0x00080018, "1.2.3")
    assert refusal(data) is Status.NOT_A_DATASET


def test_a_uid_inside_a_sequence_is_not_the_instances():
    item = uid_element(0x00080018, "9.9.9")
    sequence = element(0x00081140, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item)
    assert identify(tiny(more=sequence), ExplicitVRLittleEndian).sop_instance_uid == "1.2.3.4"


@pytest.mark.parametrize("tag", [0x00000002, 0x00020010, 0x00041220])
def test_command_meta_and_directory_elements_are_refused(tag):
    # behind our own file meta information they would be read as part of it
    assert refusal(uid_element(tag, "1.2.840.10008.1.2.1.99") + tiny()) is Status.NOT_A_DATASET


@pytest.mark.parametrize("data", [b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, bytes(200), tiny() + b"\0"])
def test_what_is_no_data_set_is_refused(data):
    assert refusal(data).code == 0xC000


@pytest.mark.parametrize("syntax", NATIVE)
def test_a_data_set_cut_anywhere_inside_an_element_is_refused(syntax):
    dataset = rich_slice()
    del dataset.PixelData
    data = encoded(dataset, syntax)
    ends = {len(data[: len(data) - len(encoded(dataset[tag:], syntax))]) for tag in dataset.keys()}  # noqa: SIM118
    for cut in range(len(data)):
        if cut not in ends:
            assert refusal(data[:cut], syntax).code == 0xC000
    whole = encoded(ct_slice(), syntax)
    assert refusal(whole[:-1], syntax) is Status.TRUNCATED


@pytest.mark.parametrize("explicit_lengths", [True, False])
def test_nesting_is_walked_to_64_and_refused_beyond(explicit_lengths):
    allowed = tiny(more=nested(64, explicit_lengths=explicit_lengths))
    assert identify(allowed, ExplicitVRLittleEndian).study_uid == "1.2.3"
    assert refusal(tiny(more=nested(65, explicit_lengths=explicit_lengths))) is Status.TOO_DEEP


def test_nesting_of_50000_costs_nothing():
    begun = time.process_time()
    assert refusal(tiny(more=nested(50_000))) is Status.TOO_DEEP
    assert time.process_time() - begun < 0.5


def test_an_unknown_sequence_of_undefined_length_is_implicit_little_endian():
    # PS3.5 6.2.2, note 7
    item = struct.pack("<HHI", 0x0009, 0x1001, 4) + b"abcd"
    inside = struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    unknown = struct.pack("<HH2sHI", 0x0009, 0x1000, b"UN", 0, 0xFFFFFFFF) + inside
    assert identify(tiny(more=unknown), ExplicitVRLittleEndian).study_uid == "1.2.3"


def test_an_undefined_length_is_refused_where_it_cannot_be():
    text = struct.pack("<HH2sHI", 0x0009, 0x1000, b"UT", 0, 0xFFFFFFFF)
    assert refusal(tiny(more=text)) is Status.NOT_A_DATASET


def test_large_pixel_data_are_not_copied():
    data = tiny(more=element(0x7FE00010, b"OW", bytes(64 * 1024 * 1024)))
    begun = time.process_time()
    for _ in range(100):
        identify(data, ExplicitVRLittleEndian)
    assert time.process_time() - begun < 0.5


BASE = {syntax: encoded(rich_slice(), syntax)[:6000] for syntax in NATIVE} | {
    RLELossless: tiny(more=nested(5) + nested(3, explicit_lengths=True))
}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(BASE)), st.data())
def test_no_mutation_gets_anything_but_a_coded_answer(syntax, draw):
    data = bytearray(BASE[syntax])
    for _ in range(draw.draw(st.integers(1, 8))):
        at = draw.draw(st.integers(0, len(data) - 1))
        kind = draw.draw(st.sampled_from(["set", "cut", "copy", "ones"]))
        if kind == "set":
            data[at] = draw.draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + draw.draw(st.integers(1, 40))]
        elif kind == "ones":
            data[at : at + 4] = b"\xff\xff\xff\xff"
        else:
            data[at:at] = data[at : at + draw.draw(st.integers(1, 200))]
        if not data:
            break
    assert answer(bytes(data), syntax) in (0x0000, 0xC000)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(NATIVE))
def test_random_bytes_get_a_coded_answer(data, syntax):
    with pytest.raises(InstanceRefused):
        identify(data, syntax)
