"""Attacks by C-STORE on a receiver in a process of its own: each is answered in time, and nothing is written."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import RLELossless
from support.attacks import stores
from support.attacks.limits import SHORT_DEADLINES, Limits, shortcomings
from support.attacks.watch import observe, warm_up
from support.datasets import element, nested, tiny
from support.receiver_process import ReceiverProcess, running
from support.wire import ABORT, ASSOCIATE_AC, ASSOCIATE_RJ, CT, Proposal, associate_rq, associated, connected, new_uid

PIPELINED = 150
ABORTED = 21
BOMB_MB = 256


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    home = tmp_path_factory.mktemp("hostile") / "home"
    with running(ReceiverProcess(home, settings=SHORT_DEADLINES)) as process:
        warm_up(process)
        yield process


def test_pipelined_stores_are_served_one_by_one_and_never_pile_up_in_memory(receiver):
    result, seen = observe(receiver, lambda _: stores.pipeline(receiver.port, PIPELINED))
    assert result.statuses == [0x0000] * PIPELINED
    assert shortcomings(seen, Limits(rss_peak_mb=24)) == []


def test_deflated_is_refused_in_negotiation_and_a_bomb_sent_all_the_same_is_not_inflated(receiver):
    bomb = stores.bomb(BOMB_MB)
    before = receiver.instances()
    (context_result, status), seen = observe(
        receiver, lambda _: stores.propose_deflated(receiver.port, bomb), settle_seconds=5
    )
    assert context_result == 4, "transfer syntaxes not supported (PS3.8 9.3.3.2)"
    assert status is None, "the association is aborted"
    assert shortcomings(seen, Limits(rss_peak_mb=8, rss_left_mb=8)) == []
    assert stored_since(receiver, before, but_for=len(seen.served)) == 0


def stored_since(receiver: ReceiverProcess, before: set[int], *, but_for: int) -> int:
    """How many files have come, besides those of the honest sender."""
    return len(receiver.instances() - before) - but_for


def test_a_context_proposed_without_any_transfer_syntax_is_answered_and_ends_no_thread(receiver):
    request = associate_rq(Proposal("1.2.3", ()), Proposal(), calling="ATTACKER")

    def attack(_):
        with connected(receiver.port) as connection:
            connection.send(request)
            return connection.receive()[0]

    kind, seen = observe(receiver, attack)
    assert kind in (ASSOCIATE_AC, ASSOCIATE_RJ, ABORT)
    assert "Traceback" not in receiver.log()
    assert shortcomings(seen) == []


@pytest.mark.parametrize(
    ("instance", "status"),
    [
        ("/tmp/hounsfield-was-here", 0xC000),
        ("../../hounsfield-was-here", 0xC000),
        ("..\\..\\hounsfield-was-here", 0xC000),
        ("1.2.3\0/../../hounsfield-was-here", 0xC000),
        ("", 0xC000),
        ("1" * 65, 0xC000),
        ("1" * 5000, 0xC000),
    ],
    ids=["absolute", "upwards", "backslashes", "behind a NUL", "empty", "65 characters", "5000 characters"],
)
def test_a_sop_instance_uid_never_becomes_a_path_and_is_answered_within_two_seconds(receiver, instance, status):
    before = receiver.instances()
    with associated(receiver.port) as association:
        begun = time.monotonic()
        assert f"{association.store(tiny(instance=instance), instance):04X}" == f"{status:04X}"
        assert time.monotonic() - begun < 2
        assert association.store(tiny(instance="1.2.3.4"), "1.2.3.4") == 0x0000, "the association lives on"
    assert {path.name for path in receiver.folder.parent.parent.rglob("*was-here*")} == set()
    assert not Path("/tmp/hounsfield-was-here").exists()
    assert len(receiver.instances() - before) <= 1


@pytest.mark.parametrize(
    ("data", "how", "status"),
    [
        (stores.image("1.2.3.4", 20_000)[:-1], {}, 0xC000),
        (stores.image("1.2.3.4", 20_000)[:10_000], {}, 0xC000),
        (tiny()[:10], {}, 0xC000),
        (b"", {}, 0xC000),
        (tiny(), {"sop_class": "1.2.840.10008.5.1.4.1.1.4"}, 0xA900),
        (tiny(instance="1.2.3.99"), {}, 0xA900),
        (tiny(more=nested(50_000)), {}, 0xC000),
        (tiny(more=nested(2_000, explicit_lengths=True)), {}, 0xC000),
        (tiny(more=element(0x00081115, b"SQ", b"")[:-4] + b"\xff\xff\xff\xff"), {}, 0xC000),
        (tiny(more=element(0x7FE00010, b"OW", b"")[:-4] + b"\xf0\xff\xff\xff"), {}, 0xC000),
    ],
    ids=[
        "its last byte is missing",
        "half of it is missing",
        "cut in the first element",
        "nothing",
        "another SOP class",
        "another SOP instance",
        "nested 50,000 deep",
        "nested 2,000 deep with lengths",
        "a sequence without an end",
        "pixels of 4 GiB claimed",
    ],
)
def test_a_data_set_that_is_broken_or_not_what_its_command_says_is_refused_within_two_seconds(
    receiver, data, how, status
):
    before = receiver.instances()
    with associated(receiver.port) as association:
        begun = time.monotonic()
        assert f"{association.store(data, '1.2.3.4', **how):04X}" == f"{status:04X}"
        assert time.monotonic() - begun < 2
    assert receiver.instances() == before
    assert receiver.is_alive()


def test_one_sop_instance_uid_of_two_patients_is_kept_apart(receiver):
    instance = new_uid()
    names = [element(0x00100010, b"PN", name) for name in (b"One^Patient ", b"Another^One ")]
    with associated(receiver.port) as association:
        data_sets = [tiny(instance=instance)[: -len(tail := tail_of(instance))] + name + tail for name in names]
        assert [association.store(data, instance) for data in data_sets] == [0x0000, 0x0000]
    stored = receiver.data_sets()
    assert all(data in stored for data in data_sets)


def tail_of(instance: str) -> bytes:
    """What comes after the patient's name in :func:`tiny`: study and series."""
    whole = tiny(instance=instance)
    return whole[whole.index(b"\x20\x00\x0d\x00") :]


def test_a_frame_said_to_be_65535_by_65535_costs_the_receiver_nothing(receiver):
    rows = element(0x00280010, b"US", b"\xff\xff") + element(0x00280011, b"US", b"\xff\xff")
    header = b"\x01\0\0\0" + b"\x40\0\0\0" + bytes(56)  # one RLE segment (PS3.5 annex G)
    fragments = element(0x7FE00010, b"OB", b"")[:-4] + b"\xff\xff\xff\xff"
    for value in (b"", header + b"\x80\0"):
        fragments += b"\xfe\xff\x00\xe0" + len(value).to_bytes(4, "little") + value
    fragments += b"\xfe\xff\xdd\xe0\0\0\0\0"
    instance = new_uid()

    def attack(_):
        request = associate_rq(Proposal(CT, (RLELossless,)), calling="ATTACKER")
        with associated(receiver.port, request=request) as association:
            return association.store(tiny(instance=instance, more=rows + fragments), instance)

    status, seen = observe(receiver, attack)
    assert status == 0x0000, "its bytes are safe here; whether they can be decoded is judged later"
    assert shortcomings(seen, Limits(rss_peak_mb=8, rss_left_mb=8)) == []


def test_associations_that_end_inside_an_image_leave_no_file_thread_or_descriptor(receiver):
    before = receiver.instances()
    _, seen = observe(receiver, lambda _: stores.abort_inside(receiver.port, ABORTED))
    assert shortcomings(seen) == []
    assert stored_since(receiver, before, but_for=len(seen.served)) == 0


def test_a_data_set_over_the_size_limit_is_answered_a700_and_takes_no_memory(tmp_path):
    settings = {**SHORT_DEADLINES, "DICOM__MAX_INSTANCE_BYTES": str(1 << 20)}
    with running(ReceiverProcess(tmp_path / "home", settings=settings)) as receiver:
        warm_up(receiver)
        before = receiver.instances()

        def attack(_):
            with associated(receiver.port) as association:
                return association.store(stores.image("1.2.3.4", 40 << 20), "1.2.3.4", fragment=16000)

        status, seen = observe(receiver, attack)
        assert status == 0xA700
        assert shortcomings(seen, Limits(rss_peak_mb=12)) == []
        assert stored_since(receiver, before, but_for=len(seen.served)) == 0
