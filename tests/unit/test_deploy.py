"""What lies in deploy/ is checked by the programs that will read it, as far as they can be had."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support import ohif
from support.peers import DEBIAN_LINE, require_binary

from hounsfield.daemon.config.settings import load_settings
from hounsfield.daemon.stop_signals import STOP_SECONDS
from hounsfield.daemon.supervisor import READY_SECONDS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "hounsfield.service"
PROGRAM = "/opt/hounsfield/venv/bin/hounsfield"


def test_the_unit_is_one_that_systemd_accepts(tmp_path: Path) -> None:
    text = UNIT.read_text()
    assert text.count(PROGRAM) == 2
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(PROGRAM, "/bin/true"))  # verify asks whether the program exists
    if shutil.which("systemd-analyze") is None:
        assert_known_sections(text)
        return
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def assert_known_sections(text: str) -> None:
    assert re.findall(r"^\[(.*)\]$", text, re.MULTILINE) == ["Unit", "Service", "Install"]
    assert all(re.match(r"[A-Z]\w+=|\[|#|$", line) for line in text.splitlines())


def test_the_unit_runs_as_its_own_user_and_does_not_restart_on_a_wrong_configuration() -> None:
    lines = UNIT.read_text().splitlines()
    wanted = {
        "Type=notify",
        "User=hounsfield",
        "Restart=on-failure",
        "RestartPreventExitStatus=2 3",
        "StateDirectory=hounsfield",
        "WatchdogSec=60",
    }
    assert wanted <= set(lines)
    assert "u hounsfield " in (DEPLOY / "systemd" / "hounsfield.sysusers.conf").read_text()


def test_the_service_manager_waits_longer_than_the_supervisor() -> None:
    seconds = {
        name: float(value) for name, value in re.findall(r"^(Timeout\w+)Sec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    }
    assert seconds["TimeoutStop"] > 2 * STOP_SECONDS, "receivers first, then the others"
    assert seconds["TimeoutStart"] >= READY_SECONDS


def test_the_units_environment_is_configuration_that_the_daemon_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in re.findall(r"^Environment=(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        monkeypatch.setenv(name, value)
    settings = load_settings(None)
    assert settings.storage.home == Path("/var/lib/hounsfield")


def test_without_root_the_line_to_install_the_peers_is_printed(tmp_path: Path) -> None:
    for name in ("ls", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    script = (DEPLOY / "tools" / "install-peers.sh").read_text()
    assert ':/usr/sbin:/sbin:/usr/local/sbin"' in script
    alone = tmp_path / "install-peers.sh"
    alone.write_text(script.replace(':/usr/sbin:/sbin:/usr/local/sbin"', '"'))
    done = subprocess.run(["/bin/sh", alone], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert DEBIAN_LINE in done.stderr
    assert "dcmtk" in done.stderr.splitlines()[0]


def test_with_all_peers_there_nothing_is_installed() -> None:
    for name in ("storescu", "dciodvfy", "Orthanc", "initdb", "chromium-headless-shell", "promtool", "gpg", "minisign"):
        require_binary(name)
    ohif.site()
    done = subprocess.run([DEPLOY / "tools" / "install-peers.sh"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", ["older", "missing"])
def test_make_needs_a_python_that_is_new_enough_and_says_so(kind: str, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    interpreter = tmp_path / "python-old"
    if kind == "older":
        interpreter.write_text("#!/bin/sh\nexit 1\n")  # what the version question gets from an older one
        interpreter.chmod(0o755)
    command = ["make", f"PYTHON={interpreter}", "venv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "needs Python 3.11" in done.stderr
    assert not (tmp_path / ".venv").exists()
