"""deploy/install.sh below a folder, with a program that stands in for Python: what it makes, keeps, refuses and undoes.

That what it installs works is tried in a real Debian by tests/acceptance/test_installation.py (`make test-install`).
"""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.peers import require_binary

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
STUB = ROOT / "tests" / "support" / "stub_python.sh"
SCRIPTS = sorted(path.relative_to(ROOT) for path in [*DEPLOY.rglob("*.sh"), STUB])


def wheelhouse(folder: Path, version: str, extras: str = "") -> Path:
    """Make what deploy/airgap/collect.sh makes, without the wheels of others."""
    shutil.copytree(DEPLOY, folder / "deploy", ignore=shutil.ignore_patterns("docker", "tools", "kubernetes"))
    (folder / f"hounsfield-{version}-py3-none-any.whl").write_text(version)
    (folder / "extras").write_text(f"{extras}\n")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(sums))
    return folder


@dataclass
class Host:
    """A folder that stands for a host."""

    folder: Path
    root: Path = field(init=False)
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.root = self.folder / "root"
        self.root.mkdir()
        self.environment = {"PATH": os.environ["PATH"], "STUB_LOG": str(self.folder / "log"), "STUB_SCHEMA": "0006"}

    def run(self, script: Path, *options: str | Path, **changed: str) -> subprocess.CompletedProcess[str]:
        command = [script, "--prefix", self.root, "--python", STUB, *options]
        environment = self.environment | changed
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    def install(self, version: str, *options: str | Path, **changed: str) -> subprocess.CompletedProcess[str]:
        source = self.folder / f"wheelhouse-{version}"
        if not source.exists():
            wheelhouse(source, version)
        return self.run(source / "deploy" / "install.sh", *options, STUB_VERSION=version, **changed)

    @property
    def database(self) -> Path:
        return self.root / "var" / "lib" / "hounsfield" / "hounsfield.db"

    @property
    def config(self) -> Path:
        return self.root / "etc" / "hounsfield" / "hounsfield.toml"

    def in_use(self) -> str:
        """The version that is in use."""
        return (self.root / "opt" / "hounsfield" / "venv").resolve().name.split("-")[0]

    def asked(self, beginning: str = "") -> list[str]:
        """What Python was asked."""
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if line.startswith(beginning)]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def asked_of_hounsfield(host: Host, *beginnings: str) -> list[str]:
    lines = [line.split("cli.main ")[1] for line in host.asked() if "cli.main " in line]
    return [line for line in lines if line.startswith(beginnings)]


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_shellcheck_finds_nothing() -> None:
    assert Path("deploy/install.sh") in SCRIPTS
    command = [require_binary("shellcheck"), "--external-sources", *SCRIPTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_first_installation_brings_program_configuration_and_units_and_says_what_comes_next(host: Host) -> None:
    said = good(host.install("1.0.0"))
    assert host.in_use() == "1.0.0"
    assert host.config.read_bytes() == (DEPLOY / "config" / "hounsfield.toml").read_bytes()
    assert host.config.stat().st_mode & 0o777 == 0o640
    installed = files_below(host.root / "etc" / "systemd" / "system")
    assert installed == files_below(DEPLOY / "systemd") - {"hounsfield.sysusers.conf", "hounsfield-service.sh"}
    assert str(host.config) in said
    assert "systemctl start hounsfield.service" in said
    assert "hounsfield demo" in said
    assert not host.database.exists(), "a database that PostgreSQL replaces would be in the way"


def test_dry_run_tells_each_step_and_does_none(host: Host) -> None:
    said = good(host.install("1.0.0", "--dry-run", "--all"))
    assert list(host.root.iterdir()) == []
    for step in (
        "venvs/NEW",
        "hounsfield.toml",
        "hounsfield@worker.service",
        "/opt/hounsfield/venv",
        "Nothing was done",
    ):
        assert step in said


def test_dry_run_of_a_checkout_needs_no_root_and_names_every_unit() -> None:
    command = [DEPLOY / "install.sh", "--dry-run", "--role", "worker", "--gpu"]
    environment = {"PATH": f"{os.environ['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "hounsfield with gpu" in done.stdout
    assert f"install -D -m 644 {DEPLOY}/systemd/hounsfield@.service" in done.stdout
    assert "would run: install -d -m 750 -o hounsfield -g hounsfield /var/lib/hounsfield" in done.stdout


def test_a_second_run_changes_nothing_and_installs_nothing(host: Host) -> None:
    good(host.install("1.0.0", "--role", "receiver", "--role", "assembler"))
    host.config.write_text("[dicom]\nport = 104\n")
    before = host.asked("-m pip install ")
    said = good(host.install("1.0.0"))
    assert "is there already" in said
    assert host.asked("-m pip install ") == before != []
    assert host.config.read_text() == "[dicom]\nport = 104\n"
    assert "services: hounsfield@receiver.service hounsfield@assembler.service" in said, "as chosen before"


def test_an_interrupted_installation_is_begun_anew(host: Host) -> None:
    good(host.install("1.0.0"))
    (host.root / "opt" / "hounsfield" / "venv" / ".complete").unlink()
    assert "Installing hounsfield-1.0.0" in good(host.install("1.0.0"))


def test_an_upgrade_backs_the_database_up_first_and_keeps_the_version_before(host: Host) -> None:
    good(host.install("1.0.0"))
    host.database.write_text("0006\n")
    said = good(host.install("1.1.0", STUB_SCHEMA="0008"))
    assert host.in_use() == "1.1.0"
    assert host.database.read_text() == "0008\n"
    (backup,) = (host.database.parent / "backups").iterdir()
    assert backup.read_text() == "0006\n"
    assert "--rollback" in said
    asked = asked_of_hounsfield(host, "db")
    assert asked.index(f"db backup {backup}") < asked.index("db upgrade")


def test_rolling_back_brings_the_version_before_and_takes_the_database_back_with_all_rows(host: Host) -> None:
    good(host.install("1.0.0"))
    host.database.write_text("0006\n")
    good(host.install("1.1.0", STUB_SCHEMA="0008"))
    good(host.install("1.1.0", "--rollback"))
    assert (host.in_use(), host.database.read_text()) == ("1.0.0", "0006\n")
    assert asked_of_hounsfield(host, "db restore") == []
    again = host.install("1.1.0", "--rollback")
    assert (again.returncode, again.stdout) == (1, "")
    assert "no version before" in again.stderr
    good(host.install("1.1.0", STUB_SCHEMA="0008"))
    assert (host.in_use(), host.database.read_text()) == ("1.1.0", "0008\n")


def test_a_database_that_does_not_go_back_is_replaced_by_its_backup(host: Host) -> None:
    good(host.install("1.0.0"))
    host.database.write_text("0006\n")
    good(host.install("1.1.0", STUB_SCHEMA="0008"))
    (backup,) = (host.database.parent / "backups").iterdir()
    said = good(host.install("1.1.0", "--rollback", STUB_DOWNGRADE="bad"))
    assert str(backup) in said
    assert (host.in_use(), host.database.read_text()) == ("1.0.0", "0006\n")


def test_rolling_back_leaves_a_database_alone_that_the_version_before_knows(host: Host) -> None:
    good(host.install("1.0.0"))
    host.database.write_text("0006\n")
    good(host.install("1.0.1"))
    good(host.install("1.0.1", "--rollback"))
    assert host.in_use() == "1.0.0"
    assert asked_of_hounsfield(host, "db restore", "db downgrade") == []


def test_rolling_back_is_refused_where_there_is_no_way_for_the_database(host: Host) -> None:
    good(host.install("1.0.0"))
    host.database.write_text("0006\n")
    good(host.install("1.1.0", "--no-backup", STUB_SCHEMA="0008"))
    done = host.install("1.1.0", "--rollback", STUB_DOWNGRADE="bad")
    assert done.returncode == 1
    assert "pg_restore" in done.stderr
    assert (host.in_use(), host.database.read_text()) == ("1.1.0", "0008\n")


def test_what_speaks_against_an_upgrade_is_said_before_anything_stops(host: Host) -> None:
    good(host.install("1.0.0"))
    host.database.write_text("0006\n")
    done = host.install("1.1.0", STUB_SCHEMA="0008", STUB_DOCTOR="bad")
    assert done.returncode == 1
    assert "no room" in done.stderr
    assert "the service lives" not in done.stderr
    assert (host.in_use(), host.database.read_text()) == ("1.0.0", "0006\n")


def test_a_database_that_cannot_be_upgraded_leaves_the_version_before_in_use(host: Host) -> None:
    good(host.install("1.0.0"))
    host.database.write_text("0006\n")
    done = host.install("1.1.0", STUB_SCHEMA="0008", STUB_UPGRADE="bad")
    assert done.returncode == 1
    assert "in use as before" in done.stderr
    assert (host.in_use(), host.database.read_text()) == ("1.0.0", "0006\n")


def test_postgresql_is_not_touched_before_its_administrator_has_backed_it_up(host: Host) -> None:
    good(host.install("1.0.0"))
    host.database.write_text("0006\n")
    url = '\\"postgresql://hounsfield@db/hounsfield\\"'
    done = host.install("1.1.0", STUB_SCHEMA="0008", STUB_URL=url)
    assert done.returncode == 1
    assert "pg_dump" in done.stderr
    assert host.in_use() == "1.0.0"
    good(host.install("1.1.0", "--no-backup", STUB_SCHEMA="0008", STUB_URL=url))
    assert (host.in_use(), host.database.read_text()) == ("1.1.0", "0008\n")


def test_a_configuration_that_the_new_version_does_not_take_stops_the_upgrade(host: Host) -> None:
    good(host.install("1.0.0"))
    host.config.write_text("unknown_key = 1\n")
    done = host.install("1.1.0")
    assert done.returncode == 3
    assert str(host.config) in done.stderr
    assert host.in_use() == "1.0.0"


def test_two_versions_stay_on_the_disk(host: Host) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        good(host.install(version))
    kept = {path.name.split("-")[0] for path in (host.root / "opt" / "hounsfield" / "venvs").iterdir()}
    assert kept == {"1.1.0", "1.2.0"}


def test_an_environment_that_was_made_by_hand_is_taken_over_and_can_be_gone_back_to(host: Host) -> None:
    good(host.install("1.0.0"))
    base = host.root / "opt" / "hounsfield"
    by_hand = (base / "venv").resolve()
    (base / "venv").unlink()
    by_hand.rename(base / "venv")
    good(host.install("1.1.0"))
    assert host.in_use() == "1.1.0"
    good(host.install("1.1.0", "--rollback"))
    assert (base / "venv").resolve().name == "by-hand"


def test_uninstalling_removes_programs_and_units_and_keeps_what_is_of_patients(host: Host) -> None:
    good(host.install("1.0.0", "--all"))
    host.database.write_text("0006\n")
    own = host.root / "etc" / "systemd" / "system" / "hounsfield@worker.service.d" / "override.conf"
    own.write_text("[Service]\nMemoryMax=64G\n")
    said = good(host.install("1.0.0", "--uninstall"))
    kept = {str(path.relative_to(host.root)) for path in (host.config, host.database, own)}
    assert files_below(host.root) == kept
    assert str(host.database.parent) in said


@pytest.mark.parametrize("how", ["changed", "added", "missing", "no extra"])
def test_a_wheelhouse_that_is_not_as_it_was_collected_is_refused(how: str, host: Host) -> None:
    folder = wheelhouse(host.folder / "wheelhouse-1.0.0", "1.0.0", extras="postgres")
    wheel = folder / "hounsfield-1.0.0-py3-none-any.whl"
    if how == "changed":
        wheel.write_text("something else")
    elif how == "added":
        (folder / "numpy-9-py3-none-any.whl").write_text("not ours")
    elif how == "missing":
        wheel.unlink()
    done = host.install("1.0.0", *(["--gpu"] if how == "no extra" else []))
    assert done.returncode == 1
    assert str(folder) in done.stderr
    assert list(host.root.iterdir()) == []


def test_a_wheelhouse_gives_all_and_the_network_nothing(host: Host) -> None:
    folder = wheelhouse(host.folder / "wheelhouse-1.0.0", "1.0.0", extras="postgres")
    good(host.install("1.0.0"))
    libraries, ours = host.asked("-m pip install ")
    assert f"--isolated --no-index --find-links {folder}" in libraries
    assert libraries.endswith(locks(folder, "base", "postgres")), "as it was collected"
    assert ours.endswith(f"--isolated --no-index --no-deps {folder}/hounsfield-1.0.0-py3-none-any.whl")


def locks(folder: Path, *groups: str) -> str:
    return " ".join(f"--requirement={folder}/deploy/requirements/{group}.txt" for group in groups)


def test_a_checkout_installs_what_the_lock_knows_by_its_hash_and_a_wheel_of_its_own(host: Host) -> None:
    good(host.run(DEPLOY / "install.sh", "--gpu", "--postgres", STUB_VERSION="1.0.0"))
    builders, libraries, ours = host.asked("-m pip install ")
    for line in (builders, libraries):
        assert "--require-hashes --only-binary :all:" in line
        assert "--constraint" not in line
    assert builders.endswith("requirements/build.txt")
    assert libraries.endswith(locks(ROOT, "base", "gpu", "postgres"))
    assert ours.endswith("hounsfield-1.0.0-py3-none-any.whl")
    assert "--no-index --no-deps" in ours


def test_another_lock_is_another_installation(host: Host) -> None:
    good(host.install("1.0.0"))
    before = (host.root / "opt" / "hounsfield" / "venv").resolve()
    folder = host.folder / "wheelhouse-1.0.0"
    shutil.rmtree(folder)
    wheelhouse(folder, "1.0.0", extras="postgres")
    good(host.install("1.0.0", "--postgres"))
    assert (host.root / "opt" / "hounsfield" / "venv").resolve() != before


def test_collecting_makes_a_folder_that_installs_itself(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    command = [DEPLOY / "airgap" / "collect.sh", folder, "--postgres", "--python", STUB]
    environment = host.environment | {"STUB_VERSION": "1.0.0", "HOUNSFIELD_STORAGE__HOME": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    (line,) = host.asked("-m pip download ")
    assert "--require-hashes --only-binary :all:" in line
    assert line.endswith(locks(folder, "base", "postgres"))
    digest = hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    assert f"SHA256SUMS {digest}" in done.stdout
    said = good(host.run(folder / "deploy" / "install.sh", STUB_VERSION="1.0.0"))
    assert digest in said
    assert host.in_use() == "1.0.0"


def test_collecting_into_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    done = subprocess.run([DEPLOY / "airgap" / "collect.sh", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "not an empty folder" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--role", "radiologist"], "receiver assembler worker courier console"),
        (["--role"], "receiver assembler worker courier console"),
        (["--wheelhouse", "/nowhere"], "/nowhere"),
        (["--cloud"], "--cloud"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_allowed(options: list[str], said: str) -> None:
    done = subprocess.run([DEPLOY / "install.sh", *options], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_python_that_is_too_old_is_refused_by_name(host: Host) -> None:
    done = host.install("1.0.0", STUB_TOO_OLD="1")
    assert done.returncode == 1
    assert "3.11" in done.stderr
    assert list(host.root.iterdir()) == []
