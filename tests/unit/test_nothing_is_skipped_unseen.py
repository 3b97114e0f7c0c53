"""With HOUNSFIELD_REQUIRE_ALL=1 a skip is a failure: tests/conftest.py."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
SUITE = """
import pytest
def test_skips(): pytest.skip("no peer")
@pytest.mark.gpu
def test_needs_a_gpu(): pytest.skip("no GPU")
@pytest.mark.xfail
def test_expected(): assert False
"""


@pytest.mark.parametrize(
    ("required", "summary"), [("1", "1 failed, 1 skipped, 1 xfailed"), ("0", "2 skipped, 1 xfailed")]
)
def test_a_skip_fails_where_everything_is_required(required: str, summary: str, tmp_path: Path) -> None:
    shutil.copy(TESTS / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = gpu\n")
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "HOUNSFIELD_REQUIRE_ALL": required}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert summary in done.stdout
    assert done.returncode == (1 if required == "1" else 0)
