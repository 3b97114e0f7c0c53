"""Compressed slices are decoded by a process that may die, hang or lie; the worker goes on and says what happened."""

import os
import signal
import socket
import struct
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from support.ct_factory import ct_slice, head_hu, write
from support.volumes import MEMORY_BYTES
from support.waiting import wait_until

from hounsfield.model.decoding.decoder import SHORT_SERIES, Decoder
from hounsfield.model.decoding.process import Answers, Child, ChildFailed
from hounsfield.model.decoding.wire import Decoded, NoSpace, Request, Source, answer_line, read_answer
from hounsfield.model.errors import DecoderUnavailable, PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.pixels import pixel_digest
from hounsfield.model.volume import VolumeReader

ENCAPSULATED = [RLELossless, JPEGLSLossless, JPEG2000Lossless]
NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> SliceHeader:
    return read_header(write(ct_slice(), tmp_path_factory.mktemp("j") / "a.dcm", syntax=JPEGLSLossless))


def process(decoder: Decoder) -> int:
    """The id of the process that decodes."""
    return decoder._child.pid if decoder._child else 0


def read(decoder: Decoder, folder: Path, headers: Sequence[SliceHeader]) -> list[np.ndarray]:
    with VolumeReader(folder=folder, decoder=decoder).open(headers) as volume:
        return [hu.copy() for hu in volume.stream()]


def refused(decoder: Decoder, folder: Path, headers: Sequence[SliceHeader]) -> str:
    with pytest.raises(PixelError) as caught:
        read(decoder, folder, headers)
    assert caught.value.rejection is Rejection.UNREADABLE_PIXELS
    return str(caught.value)


def test_slices_of_all_syntaxes_come_back_in_order_with_their_digests(decoder: Decoder, tmp_path: Path) -> None:
    headers = []
    for number, syntax in enumerate([*ENCAPSULATED, *NATIVE] * 2):
        path = write(ct_slice(head_hu() + np.int16(number)), tmp_path / f"{number}.dcm", syntax=syntax)
        headers.append(read_header(path))
    with VolumeReader(folder=tmp_path, decoder=decoder).open(headers) as volume:
        for number, hu in enumerate(volume.stream()):
            assert np.array_equal(hu, head_hu() + np.int16(number))
        assert volume.digests == tuple(pixel_digest(header) for header in headers)
        assert list(volume.digests) == decoder.digests(headers)


def test_a_short_native_series_needs_no_process_and_a_long_one_leaves_this_one_to_the_model(
    decoder: Decoder, tmp_path: Path
) -> None:
    header = read_header(write(ct_slice(), tmp_path / "n.dcm"))
    assert len(read(decoder, tmp_path, [header] * SHORT_SERIES)) == SHORT_SERIES
    assert process(decoder) == 0
    slices = read(decoder, tmp_path, [header] * (SHORT_SERIES + 1))
    assert all(np.array_equal(hu, head_hu()) for hu in slices)
    assert process(decoder) != 0


def test_one_process_serves_series_after_series(decoder: Decoder, tmp_path: Path, compressed: SliceHeader) -> None:
    decoder.start()
    first = process(decoder)
    for _ in range(3):
        assert len(read(decoder, tmp_path, [compressed] * 5)) == 5
    assert process(decoder) == first


def test_a_fresh_process_that_dies_refuses_the_series_and_the_next_one_gets_another(
    decoder: Decoder, tmp_path: Path, compressed: SliceHeader
) -> None:
    decoder.start()
    victim = process(decoder)
    with VolumeReader(folder=tmp_path, decoder=decoder).open([compressed] * 3000) as volume:
        volume.first()
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(PixelError, match="has died") as caught:
            volume.load()
    assert caught.value.rejection is Rejection.UNREADABLE_PIXELS
    assert len(read(decoder, tmp_path, [compressed] * 5)) == 5
    assert process(decoder) not in (0, victim)


def test_a_process_that_has_served_others_before_it_died_is_not_held_against_the_series(
    decoder: Decoder, tmp_path: Path, compressed: SliceHeader
) -> None:
    read(decoder, tmp_path, [compressed])
    victim = process(decoder)
    with VolumeReader(folder=tmp_path, decoder=decoder).open([compressed] * 3000) as volume:
        volume.first()
        os.kill(victim, signal.SIGKILL)
        volume.load()
        assert all(np.array_equal(volume.slices_hu[k], head_hu()) for k in (0, 1500, 2999))
    assert process(decoder) != victim


def test_a_process_that_died_between_two_series_is_replaced(
    decoder: Decoder, tmp_path: Path, compressed: SliceHeader
) -> None:
    read(decoder, tmp_path, [compressed])
    os.kill(process(decoder), signal.SIGKILL)
    assert len(read(decoder, tmp_path, [compressed] * 5)) == 5


def test_a_process_that_hangs_is_ended_after_its_time(tmp_path: Path, compressed: SliceHeader) -> None:
    with Decoder(seconds=0.3, memory_bytes=MEMORY_BYTES, threads=1) as decoder:
        read(decoder, tmp_path, [compressed])
        hung = process(decoder)
        os.kill(hung, signal.SIGSTOP)
        assert refused(decoder, tmp_path, [compressed] * 5) == "decoding took longer than 0.3 s"
        assert not Path(f"/proc/{hung}").exists()


def test_the_limit_of_time_grows_with_long_series_only() -> None:
    decoder = Decoder(seconds=120, memory_bytes=MEMORY_BYTES)
    assert [decoder.limit(n) for n in (1, 600, 3000)] == [120, 120, 600]


def test_processor_time_is_limited_for_each_request_anew(tmp_path: Path, compressed: SliceHeader) -> None:
    child = Child(memory_bytes=MEMORY_BYTES, threads=1)
    try:
        for _ in range(3):
            answers = child.ask(Request((_source(compressed),), (), 1), None, 30)
            assert isinstance(answers.next(), Decoded)
            answers.finish()
        limits = Path(f"/proc/{child.pid}/limits").read_text()
        (cpu,) = (line.split()[3] for line in limits.splitlines() if line.startswith("Max cpu time"))
        assert 1 <= int(cpu) <= 10
        (memory,) = (line.split()[3] for line in limits.splitlines() if line.startswith("Max address space"))
        assert int(memory) == MEMORY_BYTES
    finally:
        child.close()


def test_more_memory_than_allowed_refuses_the_series(tmp_path: Path) -> None:
    big = np.zeros((4096, 4096), np.int16)
    header = read_header(write(ct_slice(big), tmp_path / "big.dcm", syntax=RLELossless))
    with Decoder(seconds=60, memory_bytes=1 << 27, threads=4) as decoder:
        words = refused(decoder, tmp_path, [header] * 8)
    assert "damaged" in words or "memory" in words or "died" in words


def test_a_process_that_cannot_start_is_no_fault_of_the_series(
    tmp_path: Path, compressed: SliceHeader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with Decoder(seconds=60, memory_bytes=MEMORY_BYTES) as decoder, pytest.raises(DecoderUnavailable):
        read(decoder, tmp_path, [compressed])


def test_a_damaged_slice_refuses_the_series_and_its_process_is_not_used_again(
    decoder: Decoder, tmp_path: Path, compressed: SliceHeader
) -> None:
    damaged = tmp_path / "damaged.dcm"
    content = bytearray(compressed.path.read_bytes())
    content[(compressed.pixel_offset or 0) + 40 :] = b"\xff" * (len(content) - (compressed.pixel_offset or 0) - 40)
    damaged.write_bytes(content)
    decoder.start()
    first = process(decoder)
    refused(decoder, tmp_path, [compressed, replace(compressed, path=damaged), *[compressed] * 50])
    assert not Path(f"/proc/{first}").exists()
    assert decoder.digests([compressed, replace(compressed, path=damaged)])[1] is None


def test_what_is_asked_while_a_refused_series_is_still_open_gets_its_own_answers(
    decoder: Decoder, tmp_path: Path, compressed: SliceHeader
) -> None:
    damaged = tmp_path / "damaged.dcm"
    offset = (compressed.pixel_offset or 0) + 40
    content = compressed.path.read_bytes()
    damaged.write_bytes(content[:offset] + b"\xff" * (len(content) - offset))
    with VolumeReader(folder=tmp_path, decoder=decoder).open([read_header(damaged)] * 50) as volume:
        with pytest.raises(PixelError):
            volume.first()
        assert decoder.digests([compressed] * 4) == [pixel_digest(compressed)] * 4


def test_digests_that_a_dead_process_leaves_out_are_none(
    decoder: Decoder, tmp_path: Path, compressed: SliceHeader
) -> None:
    native = read_header(write(ct_slice(), tmp_path / "n.dcm"))
    decoder.start()
    child = decoder._child
    assert child is not None
    child._greet()
    os.kill(child.pid, signal.SIGSTOP)
    threading.Timer(0.2, child.kill).start()
    assert decoder.digests([native, compressed, compressed]) == [pixel_digest(native), None, None]
    assert decoder.digests([compressed]) == [pixel_digest(compressed)]


def test_a_series_that_is_given_up_half_way_stops_its_process(
    decoder: Decoder, tmp_path: Path, compressed: SliceHeader
) -> None:
    volume = VolumeReader(folder=tmp_path, decoder=decoder).open([compressed] * 3000)
    volume.first()
    left = process(decoder)
    volume.close()
    assert not Path(f"/proc/{left}").exists()
    assert len(read(decoder, tmp_path, [compressed] * 2)) == 2


def test_the_process_ends_with_the_worker(decoder: Decoder, tmp_path: Path, compressed: SliceHeader) -> None:
    child = Child(memory_bytes=MEMORY_BYTES, threads=1)
    child.ask(Request((_source(compressed),), (), 9), None, 30).finish()
    child._connection.close()  # what the kernel does when a worker is killed
    wait_until(lambda: child._process.poll() is not None, 10)
    child.close()


def test_the_process_is_told_nothing_about_the_patient(compressed: SliceHeader) -> None:
    sent = repr(_source(compressed))
    assert compressed.patient.id
    for private in (compressed.patient.id, compressed.patient.name, compressed.study_uid, compressed.sop_instance_uid):
        assert private not in sent


@pytest.mark.parametrize(
    "answer",
    [Decoded(True, "a" * 64), Decoded(False, "0" * 64), NoSpace(), PixelError(Rejection.NOT_HU, "grey")],
)
def test_answers_survive_the_wire(answer: object) -> None:
    back = read_answer(answer_line(answer))  # type: ignore[arg-type]
    assert (type(back), str(back)) == (type(answer), str(answer))


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b'["decoded", 1, "' + b"a" * 64 + b'"]\n',
        b'["decoded", true, 0, "' + b"a" * 64 + b'"]\n',
        b'["decoded", true, "x"]\n',
        b'["refused", "no-such-code", "words"]\n',
        b"\xff\xfe\n",
        b"[" * 900 + b"\n",
    ],
)
def test_nonsense_of_the_process_is_not_believed(line: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        read_answer(line)


def test_a_process_that_talks_without_end_or_sense_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child(memory_bytes=MEMORY_BYTES, threads=1)
    child._greet()
    for noise in (b"x" * 5000, struct.pack(">Q", 7) + b"\n"):
        answers = _listening(child, noise)
        with pytest.raises(ChildFailed, match="no sense"):
            answers.next()
        answers.finish()
    child.close()


def _listening(child: Child, noise: bytes) -> Answers:
    ours, theirs = socket.socketpair()
    theirs.sendall(noise)
    return Answers(child, ours, 1, 5)


def _source(header: SliceHeader) -> Source:
    return Source.of(header)
