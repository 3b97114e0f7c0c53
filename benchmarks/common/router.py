"""dicom-ai-router, a peer: installed from PyPI into an environment of its own, never a dependency of ours."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.peers import Orthanc, accepts_connections, free_port, running
from support.waiting import wait_until

VERSION = "0.3.0"
AE_TITLE = "AIROUTER"
CACHE = Path.home() / ".cache" / "hounsfield-peers" / f"dicom-ai-router-{VERSION}"


class NotInstalled(Exception):
    """The peer could not be installed."""


def install(folder: Path = CACHE) -> Path:
    """Return its program, installed into ``folder`` if it is not there. Raises NotInstalled."""
    program = folder / "bin" / "dicom-ai-router"
    if program.exists():
        return program
    commands: list[list[str | Path]] = [
        [sys.executable, "-m", "venv", folder],
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", f"dicom-ai-router=={VERSION}"],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            words = (done.stderr.strip() or "nothing was said").splitlines()[-1]
            raise NotInstalled(f"dicom-ai-router {VERSION}: {words}")
    return program


@contextmanager
def router(
    program: Path, folder: Path, pacs: Orthanc, model_url: str, quiet_seconds: float
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run its service on a private port, before a model at ``model_url``; give port and process."""
    port = free_port()
    folder.mkdir(parents=True)
    settings = folder / "router.yaml"
    # JSON is YAML
    settings.write_text(
        json.dumps(
            {
                "router": {
                    "ae_title": AE_TITLE,
                    "port": port,
                    "study_quiet_seconds": quiet_seconds,
                    "workers": 2,
                    "workdir": str(folder / "data"),
                    "bind_address": "127.0.0.1",
                },
                "pacs": {"ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port, "retries": 3},
                "ai_endpoints": {"model": {"url": model_url, "timeout_s": 300}},
                "rules": [{"name": "ct", "match": {"Modality": "^CT$"}, "model": "model"}],
                "deid": {"salt": "", "reject_burned_in_annotation": False},
            }
        )
    )
    environment = {**os.environ, "AIROUTER_DEID_SALT": secrets.token_hex(32)}
    command = [program, "serve", "--config", settings]
    with running(command, folder / "log", env=environment, cwd=folder) as process:
        wait_until(lambda: accepts_connections(port) or _ended(process, folder / "log"), 60)
        yield port, process


def _ended(process: "subprocess.Popen[bytes]", log: Path) -> bool:
    if process.poll() is not None:
        raise SystemExit(f"the router ended with {process.returncode}:\n{log.read_text()[-1000:]}")
    return False
