"""deploy/install.sh on a fresh Debian without network, from a wheelhouse, as a stranger does: `make test-install`."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.booted import Booted, booted
from support.debian import Debian, debian
from support.waiting import wait_until

from hounsfield.daemon.roles import Role

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
WHEELS, NEWER = "/srv/wheels", "/srv/newer"
LATER = "99.0.0"
CONFIGURATION = '[dicom]\nae_title = "OURS"\n'

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]


def checked(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Return where wheelhouses lie: a gigabyte, which goes afterwards."""
    path = Path(tempfile.mkdtemp(prefix="hounsfield-wheels-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def wheelhouse(folder: Path) -> Path:
    """Return what is brought to a host without network."""
    wheels = folder / "wheels"
    command = [DEPLOY / "airgap" / "collect.sh", wheels, "--postgres", "--python", sys.executable]
    said = checked(subprocess.run(command, capture_output=True, text=True, check=False, timeout=900))
    assert re.search(r"^SHA256SUMS [0-9a-f]{64}$", said, re.MULTILINE)
    return wheels


@pytest.fixture(scope="module")
def newer(folder: Path, wheelhouse: Path) -> Path:
    """Return the same with a later version of Hounsfield."""
    later, checkout = folder / "newer", folder / "checkout"
    shutil.copytree(wheelhouse, later, copy_function=lambda source, target: Path(target).hardlink_to(source))
    (wheel,) = later.glob("hounsfield-*.whl")
    wheel.unlink()
    for name in ("daemon", "storage", "model"):
        shutil.copytree(ROOT / name, checkout / name)
    shutil.copytree(DEPLOY, checkout / "deploy")
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    project = checkout / "pyproject.toml"
    project.write_text(re.sub(r'^version = ".*"$', f'version = "{LATER}"', project.read_text(), flags=re.MULTILINE))
    build = [checkout / "deploy" / "tools" / "build-wheel.sh", sys.executable, later]
    checked(subprocess.run(build, capture_output=True, text=True, check=False, timeout=300))
    (later / "SHA256SUMS").unlink()
    sums = "find . -type f ! -name SHA256SUMS -printf '%P\\0' | xargs -0 sha256sum > ../sums && mv ../sums SHA256SUMS"
    checked(subprocess.run(["sh", "-c", sums], cwd=later, capture_output=True, text=True, check=False))
    return later


@pytest.fixture(scope="module")
def host(wheelhouse: Path, newer: Path) -> Iterator[Debian]:
    """Return a Debian with Python and nothing else, and a user who is a stranger to us."""
    with debian() as fresh:
        seeing = fresh.seeing(wheelhouse, WHEELS).seeing(newer, NEWER)
        checked(seeing.run("useradd --create-home stranger"))
        yield seeing


def in_use(host: Debian | Booted) -> str:
    return checked(host.run("hounsfield --version")).split()[-1]


def test_a_stranger_installs_and_sees_the_whole_way_then_services_run_are_upgraded_and_go_back(
    host: Debian,
) -> None:
    said = checked(host.run(f"{WHEELS}/deploy/install.sh --all"))
    assert "systemd does not run here" in said
    assert "Next, as root" in said
    version = in_use(host)
    _belongs_to_its_own_user(host)

    demo = checked(host.run("hounsfield demo --time-limit 600", user="stranger"))
    for verdict in ("FLAGGED, score", "NOT FLAGGED, score", "NOT ANALYSED (slices missing)"):
        assert verdict in demo
    assert "not for clinical use" in demo

    config = host.path("/etc/hounsfield/hounsfield.toml")
    config.write_text(CONFIGURATION)
    assert "is there already" in checked(host.run(f"{WHEELS}/deploy/install.sh"))
    assert config.read_text() == CONFIGURATION

    with booted(host) as running:
        _analyses_a_series(running)
        _is_watched(running)
        _is_upgraded_and_goes_back(running, version)
        _does_not_start_again_and_again_with_a_wrong_configuration(running, config)
        _runs_as_one_service_too(running)
        checked(running.run(f"{WHEELS}/deploy/install.sh --uninstall", 600))  # two environments of 2 GB each
        assert running.state("hounsfield.service") != "active"
    assert not host.path("/opt/hounsfield").exists()
    assert host.path("/var/lib/hounsfield/hounsfield.db").exists()
    assert config.exists()


def _belongs_to_its_own_user(host: Debian) -> None:
    """The service's user may read its configuration and write to its home, and to nothing of the program."""
    checked(host.run("hounsfield-service config check"))
    owners = checked(host.run("stat --format '%n %U:%G %a' /var/lib/hounsfield /etc/hounsfield/hounsfield.toml"))
    assert owners.splitlines() == [
        "/var/lib/hounsfield hounsfield:hounsfield 750",
        "/etc/hounsfield/hounsfield.toml root:hounsfield 640",
    ]
    assert checked(host.run(r"find /opt/hounsfield \( -not -user root -or -perm /022 -not -type l \) | head")) == ""


def _all_run(running: Booted) -> bool:
    return all(running.state(f"hounsfield@{role}") == "active" for role in Role)


def _analyses_a_series(running: Booted) -> None:
    wait_until(lambda: _all_run(running), 300, 1.0)
    send = "hounsfield send /tmp/head --to 127.0.0.1:11112 --called OURS"
    checked(running.run(f"hounsfield phantom /tmp/head && {send}"))
    wait_until(lambda: "COMPLETED" in running.run("hounsfield-service jobs list").stdout, 300, 2.0)


def _is_watched(running: Booted) -> None:
    """A process that is silent for a minute is replaced by the service manager."""
    main_pid = "systemctl show --property MainPID --value hounsfield@courier"
    before = checked(running.run(main_pid)).strip()
    checked(running.run(f"kill -STOP {before}"))
    wait_until(lambda: checked(running.run(main_pid)).strip() not in (before, "0") and _all_run(running), 300, 2.0)


def _is_upgraded_and_goes_back(running: Booted, version: str) -> None:
    checked(running.run(f"{NEWER}/deploy/install.sh", 900))
    assert in_use(running) == LATER
    wait_until(lambda: _all_run(running), 300, 1.0)
    assert "SQLite format 3" in checked(running.run("head -c 15 /var/lib/hounsfield/backups/*.db"))
    checked(running.run(f"{NEWER}/deploy/install.sh --rollback", 300))
    assert in_use(running) == version
    wait_until(lambda: _all_run(running), 300, 1.0)
    assert "COMPLETED" in checked(running.run("hounsfield-service jobs list"))


def _does_not_start_again_and_again_with_a_wrong_configuration(running: Booted, config: Path) -> None:
    checked(running.run("systemctl stop hounsfield.target"))
    config.write_text("[dicom]\nprot = 104\n")
    assert running.run("systemctl start hounsfield@courier").returncode != 0
    said = checked(running.run("systemctl show --property NRestarts,ExecMainStatus,ActiveState hounsfield@courier"))
    assert set(said.split()) == {"NRestarts=0", "ExecMainStatus=3", "ActiveState=failed"}
    config.write_text(CONFIGURATION)


def _runs_as_one_service_too(running: Booted) -> None:
    checked(running.run("systemctl start hounsfield.service", 300))
    assert running.state("hounsfield.service") == "active"
    checked(running.run("hounsfield echo 127.0.0.1:11112 --called OURS"))
