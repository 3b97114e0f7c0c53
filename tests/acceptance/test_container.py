"""The steps of the Dockerfile lead to a service that works without rights, on a root that it cannot write to.

No engine is needed, but root: see :mod:`support.chroots`. Building takes minutes.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.chroots import Image, container
from support.peers import free_port, skip_or_fail
from support.sending import dcmsend
from support.waiting import wait_until

from hounsfield.model.phantom.series import PhantomSpec, write_series

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("packages", "wheel", "runtime", "cpu")

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    if os.geteuid() != 0:
        skip_or_fail("overlays and namespaces are for root")
    dockerfile = ROOT / "deploy" / "docker" / "Dockerfile"
    built = Image(dockerfile=dockerfile, context=ROOT, folder=tmp_path_factory.mktemp("image"))
    built.build(STAGES)
    return built


def test_the_image_holds_what_was_installed_and_nothing_of_what_built_it(image: Image) -> None:
    venv = image.upper("cpu") / "opt" / "hounsfield" / "venv"
    assert (venv / "bin" / "hounsfield").is_file()
    packages = {path.name.lower() for path in (venv / "lib" / "python3.11" / "site-packages").iterdir()}
    assert {"hounsfield", "tensorflow", "psycopg", "onnxruntime"} <= packages
    assert not {"pytest", "highdicom", "matplotlib"} & packages
    assert not (image.upper("cpu") / "src").exists()


def test_the_wheel_in_the_image_is_that_of_a_release_byte_for_byte(image: Image, tmp_path: Path) -> None:
    build = [sys.executable, ROOT / "deploy" / "tools" / "build_dist.py", "--wheel", tmp_path]
    subprocess.run(build, check=True, timeout=300, capture_output=True)
    (ours,) = tmp_path.glob("*.whl")
    (theirs,) = (image.upper("wheel") / "wheels").glob("*.whl")
    assert (theirs.name, theirs.read_bytes()) == (ours.name, ours.read_bytes())


def test_a_series_becomes_a_result_in_a_container_that_can_write_to_two_places_only(
    image: Image, tmp_path: Path
) -> None:
    home, port = image.folder / "home", free_port()
    for folder in (home, home / "out"):
        folder.mkdir()
        os.chown(folder, 10001, 10001)
    destination = {"name": "out", "kind": "folder", "folder": "/var/lib/hounsfield/out", "allow_demonstration": True}
    settings = {
        "HOUNSFIELD_DICOM__PORT": str(port),
        "HOUNSFIELD_DICOM__ALLOW_ANY_PEER": "true",
        "HOUNSFIELD_CONSOLE__PORT": "0",
        "HOUNSFIELD_DESTINATION": json.dumps([destination]),
    }
    files = write_series(tmp_path / "ct", PhantomSpec(slices=24))
    log, volumes = tmp_path / "log", {"/var/lib/hounsfield": home}
    with container(image, "cpu", ["hounsfield", "run"], volumes=volumes, settings=settings, log=log) as service:
        wait_until(lambda: "ready dicom=" in log.read_text() or service.process.poll() is not None, 180)
        assert "ready dicom=" in log.read_text(), log.read_text()[-3000:]
        assert service.run("id").stdout == "uid=10001(hounsfield) gid=10001(hounsfield) groups=10001(hounsfield)\n"
        assert "CapBnd:\t0000000000000000\n" in service.run("cat", "/proc/1/status").stdout
        assert service.run("touch", "/opt/hounsfield/anything").returncode != 0
        assert service.run("touch", "/etc/anything").returncode != 0
        health = service.run("hounsfield", "health")
        assert (health.returncode, health.stderr) == (0, "")
        dcmsend(port, files)
        wait_until(lambda: list((home / "out").rglob("*.dcm")), 600, 1.0)
        os.kill(service.main, signal.SIGTERM)
        assert service.process.wait(60) == 0
    assert "Read-only file system" not in log.read_text()
    assert "Traceback" not in log.read_text()
    assert {"hounsfield.db", "out", "spool"} <= {path.name for path in home.iterdir()}
