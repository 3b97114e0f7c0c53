"""dicom-ai-router as a yardstick: its service with a model that answers at once.

Install it into an environment of its own (``pip install dicom-ai-router==0.3.0``) and name its program with --router.
"""

import json
import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.peers import accepts_connections, free_port, running
from support.waiting import wait_until

AE_TITLE = "AIROUTER"
QUIET_SECONDS = 2.0
ANSWER = {
    "model": "instant",
    "model_version": "1",
    "result": "NEGATIVE",
    "summary_lines": [["Result", "none"]],
    "key_sop_instance_uid": None,
    "overlays": [],
    "display_window": [40, 80],
    "findings": [],
}


class _Model(BaseHTTPRequestHandler):
    """Reads what it is sent and answers with the same words."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def router(program: Path, folder: Path, pacs_port: int, pacs_ae: str) -> Iterator[int]:
    """Run the service on a private port; give the port."""
    model = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
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
                    "study_quiet_seconds": QUIET_SECONDS,
                    "workers": 2,
                    "workdir": str(folder / "data"),
                    "bind_address": "127.0.0.1",
                },
                "pacs": {"ae_title": pacs_ae, "host": "127.0.0.1", "port": pacs_port, "retries": 3},
                "ai_endpoints": {"instant": {"url": f"http://127.0.0.1:{model.server_port}/infer", "timeout_s": 60}},
                "rules": [{"name": "ct", "match": {"Modality": "^CT$"}, "model": "instant"}],
                "deid": {"salt": "", "reject_burned_in_annotation": False},
            }
        )
    )
    environment = {**os.environ, "AIROUTER_DEID_SALT": secrets.token_hex(32)}
    command = [program, "serve", "--config", settings]
    with running(command, folder / "log", env=environment, cwd=folder) as process:
        wait_until(lambda: accepts_connections(port) or _ended(process, folder / "log"), 30)
        try:
            yield port
        finally:
            model.shutdown()


def _ended(process: "subprocess.Popen[bytes]", log: Path) -> bool:
    if process.poll() is not None:
        raise SystemExit(f"the router ended with {process.returncode}:\n{log.read_text()[-1000:]}")
    return False
