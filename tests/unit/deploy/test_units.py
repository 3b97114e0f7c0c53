"""The units of deploy/systemd, as systemd itself reads them: accepted, limited, and closed to what they do not need."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.peers import require_binary

from hounsfield.daemon.config.settings import load_settings
from hounsfield.daemon.roles import Role
from hounsfield.daemon.stop_signals import STOP_SECONDS
from hounsfield.daemon.supervisor import READY_SECONDS

ROOT = Path(__file__).resolve().parents[3]
SYSTEMD = ROOT / "deploy" / "systemd"
WHOLE, TEMPLATE = SYSTEMD / "hounsfield.service", SYSTEMD / "hounsfield@.service"
PROGRAM = "/opt/hounsfield/venv/bin/hounsfield"
ROLES = [f"hounsfield@{role}.service" for role in Role]

EXPOSURE = {
    "hounsfield.service": 1.8,
    "hounsfield@receiver.service": 1.5,
    "hounsfield@assembler.service": 1.2,
    "hounsfield@worker.service": 1.5,
    "hounsfield@courier.service": 1.2,
    "hounsfield@console.service": 1.2,
}
"""What `systemd-analyze security` of systemd 252 gives: 0 is closed, 10 is open."""


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the units, whose program is one that is here."""
    folder = tmp_path_factory.mktemp("units")
    shutil.copytree(SYSTEMD, folder, dirs_exist_ok=True)
    for file in folder.glob("*.service"):
        file.write_text(file.read_text().replace(PROGRAM, "/bin/true"))  # verify asks whether the program exists
    return folder


def settings(*files: Path) -> dict[str, str]:
    """Return what stands last under each name."""
    return dict(
        line.split("=", 1) for file in files for line in file.read_text().splitlines() if re.match(r"\w+=", line)
    )


def of_role(role: str) -> dict[str, str]:
    return settings(TEMPLATE, SYSTEMD / f"hounsfield@{role}.service.d" / "10-role.conf")


def bytes_of(size: str) -> int:
    return int(size.removesuffix("G")) * 2**30


@pytest.mark.parametrize("unit", [*EXPOSURE, "hounsfield.target"])
def test_systemd_accepts_each_unit_without_a_word(unit: str, units: Path) -> None:
    command = [require_binary("systemd-analyze"), "verify", units / unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("unit", "exposure"), EXPOSURE.items())
def test_systemd_finds_each_unit_as_closed_as_the_documents_say(unit: str, exposure: float, units: Path) -> None:
    threshold = f"--threshold={exposure * 10:.0f}"
    command = [require_binary("systemd-analyze"), "security", "--offline=true", threshold, "--no-pager", units / unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = re.search(rf"exposure level for {unit}: ([\d.]+)", done.stdout)
    assert said is not None, done.stderr
    assert (float(said[1]), done.returncode) == (exposure, 0)


@pytest.mark.parametrize(("unit", "exposure"), EXPOSURE.items())
def test_the_page_states_the_exposure_that_is_tested(unit: str, exposure: float) -> None:
    assert f"| `{unit.removesuffix('.service')}` | {exposure} |" in (ROOT / "deploy" / "README.md").read_text()


def test_every_role_has_a_unit_with_limits_of_its_own() -> None:
    assert {path.name for path in SYSTEMD.glob("hounsfield@*.service.d")} == {f"{unit}.d" for unit in ROLES}
    for role in Role:
        assert {"MemoryMax", "TasksMax"} <= of_role(role).keys()


def test_the_whole_daemon_may_use_what_its_roles_may() -> None:
    whole = settings(WHOLE)
    assert bytes_of(whole["MemoryMax"]) == sum(bytes_of(of_role(role)["MemoryMax"]) for role in Role)
    assert int(whole["TasksMax"]) >= sum(int(of_role(role)["TasksMax"]) for role in Role)


def test_the_limits_leave_room_for_what_the_configuration_allows() -> None:
    configured = load_settings(None)
    decoding = configured.worker.decode_memory_bytes
    assert bytes_of(of_role("assembler")["MemoryMax"]) > decoding
    assert bytes_of(of_role("worker")["MemoryMax"]) > 2 * decoding
    assert int(of_role("receiver")["TasksMax"]) > 2 * 1024, "the most that dicom.max_associations may be"


def test_only_the_worker_reaches_devices_and_only_it_is_kept_off_the_network() -> None:
    assert [role for role in Role if "PrivateDevices" not in of_role(role)] == [Role.WORKER]
    assert [role for role in Role if "MemoryDenyWriteExecute" not in of_role(role)] == [Role.WORKER]
    assert [role for role in Role if of_role(role).get("IPAddressDeny") == "any"] == [Role.WORKER]
    assert not {"PrivateDevices", "DeviceAllow", "DevicePolicy"} & settings(WHOLE).keys()


@pytest.mark.parametrize("unit", [WHOLE, TEMPLATE])
def test_a_unit_runs_as_its_own_user_without_rights_and_does_not_restart_on_a_wrong_configuration(unit: Path) -> None:
    wanted = {
        "Type=notify",
        "User=hounsfield",
        "WatchdogSec=60",
        "Restart=on-failure",
        "RestartPreventExitStatus=2 3",
        "StateDirectory=hounsfield",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "LimitCORE=0",
    }
    assert wanted <= set(unit.read_text().splitlines())
    assert "ExecStartPre" not in unit.read_text(), "its status does not keep the service from being started again"
    assert "u hounsfield " in (SYSTEMD / "hounsfield.sysusers.conf").read_text()


def test_the_units_of_roles_are_closed_to_all_that_the_whole_service_is_closed_to() -> None:
    named = ("Protect", "Private", "Restrict", "SystemCall", "Lock", "NoNew", "Capab", "Remove", "ReadWrite", "UMask")
    closed = {line for line in WHOLE.read_text().splitlines() if line.startswith(named)}
    assert len(closed) > 20
    assert closed <= set(TEMPLATE.read_text().splitlines())


@pytest.mark.parametrize("unit", [WHOLE, TEMPLATE])
def test_the_service_manager_waits_longer_than_the_supervisor(unit: Path) -> None:
    of_unit = settings(unit)
    assert float(of_unit["TimeoutStopSec"]) > 2 * STOP_SECONDS, "receivers first, then the others"
    assert float(of_unit["TimeoutStartSec"]) >= READY_SECONDS


@pytest.mark.parametrize("unit", [WHOLE, TEMPLATE])
def test_the_units_environment_is_configuration_that_the_daemon_takes(
    unit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in re.findall(r"^Environment=(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        monkeypatch.setenv(name, value)
    assert load_settings(None).storage.home == Path("/var/lib/hounsfield")


def test_one_service_and_services_of_roles_never_run_beside_each_other() -> None:
    assert "Conflicts=hounsfield.target" in WHOLE.read_text().splitlines()
    assert "Conflicts=hounsfield.service" in TEMPLATE.read_text().splitlines()
    assert "PartOf=hounsfield.target" in TEMPLATE.read_text().splitlines()
