"""What lies in deploy/ is checked by the programs that will read it, as far as they can be had."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support import ohif
from support.peers import DEBIAN_LINE, require_binary

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


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
    peers = ("storescu", "dciodvfy", "Orthanc", "initdb", "chromium-headless-shell", "promtool", "shellcheck")
    for name in (*peers, "gpg", "minisign"):
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
