"""The hashed lock, installed: from an index into a wheelhouse, then without any network (`make check-lock`)."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "deploy" / "requirements"
TOOLS = ROOT / "deploy" / "tools"

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def pip(environment: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", environment / "bin" / "python"]
    return subprocess.run([*command, *words], capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    venv.create(tmp_path / "venv", with_pip=False)
    return tmp_path / "venv"


def test_the_wheel_runs_from_a_wheelhouse_that_the_lock_filled_and_checked(tmp_path: Path, environment: Path) -> None:
    wheelhouse, dist = tmp_path / "wheelhouse", tmp_path / "dist"
    files = [word for name in ("base", "postgres") for word in ("--requirement", LOCK / f"{name}.txt")]
    fetched = pip(environment, "download", "--require-hashes", "--only-binary", ":all:", "--dest", wheelhouse, *files)
    assert fetched.returncode == 0, fetched.stderr
    offline = ("--no-index", "--find-links", wheelhouse)
    installed = pip(environment, "install", "--require-hashes", *offline, *files)
    assert installed.returncode == 0, installed.stderr
    subprocess.run([sys.executable, TOOLS / "build_dist.py", dist], check=True)
    (wheel,) = dist.glob("*.whl")
    assert pip(environment, "install", "--no-index", "--no-deps", wheel).returncode == 0
    assert pip(environment, "check").returncode == 0
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HOUNSFIELD_", "PYTHON"))}
    command = [environment / "bin" / "hounsfield", "bundle", "selftest"]
    tested = subprocess.run(command, env=clean, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert tested.returncode == 0, tested.stderr


def test_a_file_that_is_not_the_locked_one_is_refused(tmp_path: Path, environment: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"h11==0.16.0 --hash=sha256:{'0' * 64}\n")
    refused = pip(environment, "download", "--require-hashes", "--no-deps", "--dest", tmp_path, "--requirement", lock)
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert list(tmp_path.glob("*.whl")) == []
