"""The file that holds the HU of a series: without a name, bounded, and never the end of the process."""

import os
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from hounsfield.model.errors import PixelError, ScratchError
from hounsfield.model.findings import Rejection
from hounsfield.model.scratch import Scratch

WHOLE = np.arange(12, dtype=np.int16).reshape(3, 4)
FRACTIONS = WHOLE.astype(np.float32) + np.float32(0.5)


def test_slices_come_back_as_they_were_written(tmp_path: Path) -> None:
    with Scratch(tmp_path / "new" / "folder", [(3, 4)] * 3) as scratch:
        for number, hu in ((2, WHOLE), (0, FRACTIONS), (1, -WHOLE)):
            scratch.write(number, hu)
        assert np.array_equal(scratch.read(2, whole=True), WHOLE)
        assert np.array_equal(scratch.read(0, whole=False), FRACTIONS)
        assert np.array_equal(scratch.read(1, whole=True), -WHOLE)
        assert not scratch.read(1, whole=True).flags.writeable


def test_a_slice_outlives_the_file_for_whoever_still_holds_it(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, [(3, 4)])
    scratch.write(0, WHOLE)
    held = scratch.read(0, whole=True)
    scratch.close()
    assert np.array_equal(held, WHOLE)


def test_the_file_has_no_name_at_any_time(tmp_path: Path) -> None:
    with Scratch(tmp_path, [(512, 512)]) as scratch:
        scratch.write(0, np.zeros((512, 512), np.int16))
        assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_unnamed_files_leaves_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def without(path: object, flags: int, *rest: object, **more: object) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return real(path, flags, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", without)
    with Scratch(tmp_path, [(3, 4)]) as scratch:
        scratch.write(0, WHOLE)
        assert list(tmp_path.iterdir()) == []
        assert np.array_equal(scratch.read(0, whole=True), WHOLE)


def test_a_killed_process_leaves_nothing_behind(tmp_path: Path) -> None:
    code = (
        "import sys, time, numpy as np; from pathlib import Path; from hounsfield.model.scratch import Scratch\n"
        "s = Scratch(Path(sys.argv[1]), [(512, 512)] * 20)\n"
        "for k in range(20): s.write(k, np.ones((512, 512), np.int16))\n"
        "print('written', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


def test_a_series_beyond_the_space_set_aside_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PixelError) as caught:
        Scratch(tmp_path, [(3, 4)] * 100, most_bytes=2399)
    assert caught.value.rejection is Rejection.TOO_LARGE
    with Scratch(tmp_path, [(3, 4)] * 100, most_bytes=2400) as scratch:
        for number in range(50):
            scratch.write(number, FRACTIONS)
        with pytest.raises(PixelError) as caught:
            scratch.write(50, WHOLE)
    assert caught.value.rejection is Rejection.TOO_LARGE


def test_a_full_disk_is_no_fault_of_the_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = namedtuple("disk", "f_bavail f_frsize")
    monkeypatch.setattr(os, "fstatvfs", lambda _: disk(100, 4096))
    with pytest.raises(ScratchError, match="MiB are free"):
        Scratch(tmp_path, [(512, 512)])
    Scratch(tmp_path, [(3, 4)], reserve_bytes=0).close()


def test_a_disk_that_fills_up_while_writing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with Scratch(tmp_path, [(3, 4)]) as scratch:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(ScratchError, match="no space is left"):
            scratch.write(0, WHOLE)


def test_a_folder_that_cannot_be_made_is_named_as_the_cause(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ScratchError, match="Not a directory"):
        Scratch(tmp_path / "file" / "below", [(3, 4)])
