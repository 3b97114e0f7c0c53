"""deploy/install.sh on a fresh Debian without network, from a wheelhouse, as a stranger does: `make test-install`."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.debian import Debian, debian

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
WHEELS, NEWER = "/srv/wheels", "/srv/newer"
LATER = "99.0.0"

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


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
    for name in ("pyproject.toml", "constraints.txt", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    project = checkout / "pyproject.toml"
    project.write_text(re.sub(r'^version = ".*"$', f'version = "{LATER}"', project.read_text(), flags=re.MULTILINE))
    build = [DEPLOY / "tools" / "build-wheel.sh", sys.executable, checkout, later]
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


def in_use(host: Debian) -> str:
    return checked(host.run("hounsfield --version")).split()[-1]


def test_a_stranger_installs_sees_the_whole_way_configures_upgrades_and_goes_back(host: Debian) -> None:
    install = f"{WHEELS}/deploy/install.sh"
    said = checked(host.run(install))
    assert "systemd does not run here" in said
    assert "Next, as root" in said
    version = in_use(host)
    _serves_as_its_own_user(host)

    demo = checked(host.run("hounsfield demo", user="stranger"))
    for verdict in ("FLAGGED, score", "NOT FLAGGED, score", "NOT ANALYSED (slices missing)"):
        assert verdict in demo
    assert "not for clinical use" in demo

    host.path("/etc/hounsfield/hounsfield.toml").write_text('[dicom]\nae_title = "OURS"\n')
    checked(host.run("hounsfield-service db upgrade"))
    assert "is there already" in checked(host.run(install))
    assert '"OURS"' in checked(host.run("hounsfield-service config show"))

    checked(host.run(f"{NEWER}/deploy/install.sh"))
    assert in_use(host) == LATER
    (backup,) = host.path("/var/lib/hounsfield/backups").iterdir()
    assert backup.read_bytes().startswith(b"SQLite format 3")
    checked(host.run(f"{install} --rollback"))
    assert in_use(host) == version
    checked(host.run("hounsfield-service db check"))

    checked(host.run(f"{install} --uninstall"))
    assert not host.path("/opt/hounsfield").exists()
    assert host.path("/var/lib/hounsfield/hounsfield.db").exists()
    assert '"OURS"' in host.path("/etc/hounsfield/hounsfield.toml").read_text()


def _serves_as_its_own_user(host: Debian) -> None:
    """The service's user may read its configuration and write to its home, and to nothing of the program."""
    checked(host.run("hounsfield-service config check"))
    owners = checked(host.run("stat --format '%n %U:%G %a' /var/lib/hounsfield /etc/hounsfield/hounsfield.toml"))
    assert owners.splitlines() == [
        "/var/lib/hounsfield hounsfield:hounsfield 750",
        "/etc/hounsfield/hounsfield.toml root:hounsfield 640",
    ]
    assert checked(host.run(r"find /opt/hounsfield \( -not -user root -or -perm /022 -not -type l \) | head")) == ""
