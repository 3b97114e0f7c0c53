"""README's "Bring your own model in ten minutes", done as it stands there, up to the report."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import dcmread
from support.daemon import Daemon
from support.reports import texts
from support.sending import dcmsend
from support.waiting import wait_until

README = Path(__file__).parents[2] / "README.md"
SECTION = re.compile(r"^## Bring your own model in ten minutes\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
STEP_SECONDS = 150


def follow(folder: Path, home: Path) -> str:
    """Do every step and return what the commands print."""
    found = SECTION.search(README.read_text(encoding="utf-8"))
    assert found is not None
    beside = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{beside}:{os.environ['PATH']}", "HOUNSFIELD_STORAGE__HOME": str(home)}
    said = ""
    for kind, text in BLOCK.findall(found[1]):
        command = ["sh", "-euc", text] if kind == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=STEP_SECONDS, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        said += done.stdout
    return said


@pytest.mark.timeout(400)
def test_a_newcomer_who_follows_the_readme_gets_a_report_by_their_own_model(home: Path, tmp_path: Path) -> None:
    said = follow(tmp_path, home)
    sha256 = re.search(r"my-ich 1\.0\.0, sha256 ([0-9a-f]{64})", said)
    assert sha256 is not None
    assert "research model, not for clinical use" in said
    with Daemon(home, settings={"HOUNSFIELD_WORKER__LEASE_SECONDS": "60"}).start() as daemon:
        dcmsend(daemon.port, sorted((tmp_path / "head").glob("*.dcm")))

        def analysed() -> bool:
            return any((event["kind"], event["to_state"]) == ("INFER", "COMPLETED") for event in daemon.told())

        wait_until(analysed, 120)
        (job,) = daemon.hounsfield("jobs", "list")
        assert (job["bundle"], job["bundle_version"]) == ("my-ich", "1.0.0")
        assert daemon.stop() == 0
    reports = [one for path in (home / "results").glob("*.dcm") if (one := dcmread(path)).Modality == "SR"]
    assert [sha256[1] in " ".join(texts(one)) for one in reports] == [True]
