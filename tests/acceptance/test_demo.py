"""`hounsfield demo` as a stranger types it: from images to reports in a PACS, and a clean end whatever happens."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import dcmread
from support.waiting import wait_until

COMMAND = [sys.executable, "-m", "hounsfield.daemon.cli.main", "demo"]
PNG = b"\x89PNG\r\n\x1a\n"


def run_demo(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--output", str(output), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)


@contextmanager
def running_demo(output: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a demonstration whose daemon is up."""
    process = subprocess.Popen(
        [*COMMAND, "--output", str(output)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert any(line.startswith("daemon HOUNSFIELD on") for line in process.stdout)
        yield process
    finally:
        process.kill()
        process.wait(10)


def processes_of(output: Path) -> list[int]:
    """Return the processes whose environment names the demonstration's home."""
    home = f"HOUNSFIELD_STORAGE__HOME={output / 'home'}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if home in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return sorted(found)


def paths(output: str, kind: str) -> list[Path]:
    return [Path(match) for match in re.findall(rf"^  {kind}\s+(\S+)$", output, re.MULTILINE)]


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    return run_demo(tmp_path_factory.mktemp("demo") / "out")


def test_three_generated_series_end_with_three_verdicts(demonstration: subprocess.CompletedProcess[str]) -> None:
    assert demonstration.returncode == 0, demonstration.stdout + demonstration.stderr
    rows = [line.split("│") for line in demonstration.stdout.splitlines() if line.startswith("│")]
    assert [(row[1].strip(), row[2].strip()) for row in rows] == [
        ("with haemorrhage", "FLAGGED"),
        ("without haemorrhage", "NOT FLAGGED"),
        ("slices missing", "NOT ANALYSED (slices missing)"),
    ]
    for row in rows:
        assert all(re.fullmatch(r"\d+\.\d\d", cell.strip()) for cell in row[4:-1])
    assert "synthetic-trained demonstration" in demonstration.stdout
    assert "not for clinical use" in demonstration.stdout


def test_every_stage_of_every_series_is_told(demonstration: subprocess.CompletedProcess[str]) -> None:
    for name in ("with haemorrhage", "without haemorrhage", "slices missing"):
        for stage in ("receive", "assemble", "infer", "report", "deliver"):
            assert re.search(rf"s  {name} +{stage} +\d+\.\d\d s$", demonstration.stdout, re.MULTILINE), (name, stage)


def test_the_pacs_holds_a_report_and_there_is_a_picture_of_each(
    demonstration: subprocess.CompletedProcess[str],
) -> None:
    reports, previews = paths(demonstration.stdout, "report"), paths(demonstration.stdout, "preview")
    assert len(reports) == len(previews) == 3
    descriptions = [dcmread(report).SeriesDescription for report in reports]
    assert ["NOT ANALYSED" in text for text in descriptions] == [False, False, True]
    assert all(preview.read_bytes().startswith(PNG) for preview in previews)


def test_no_text_says_more_than_a_result_proves(demonstration: subprocess.CompletedProcess[str]) -> None:
    assert not re.search(r"\b(negative|normal|clear)\b", demonstration.stdout, re.IGNORECASE)


def test_a_real_head_is_demonstrated_with_what_was_done_about_it(real_ct: Path, tmp_path: Path) -> None:
    done = run_demo(tmp_path / "out", "--input", str(real_ct / "ge_head_ct"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Gantry tilt 18.5 degrees" in done.stdout
    assert len(paths(done.stdout, "report")) == 1


def test_a_daemon_that_dies_ends_the_demonstration_with_an_error(tmp_path: Path) -> None:
    with running_demo(tmp_path / "out") as process:
        supervisor = next(pid for pid in processes_of(tmp_path / "out") if parent(pid) == process.pid)
        os.kill(supervisor, signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the daemon ended with -9" in errors
    assert "Traceback" not in errors


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_an_interrupted_demonstration_leaves_no_process_behind(tmp_path: Path) -> None:
    with running_demo(tmp_path / "out") as process:
        assert processes_of(tmp_path / "out")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=40)
    assert process.returncode == 130
    assert "interrupted" in errors
    wait_until(lambda: not processes_of(tmp_path / "out"), 10)


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = run_demo(tmp_path)
    assert done.returncode == 1
    assert "left alone" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
