"""A model that answers at once, for dicom-ai-router: what is left is the router's own time."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
def instant_model() -> Iterator[str]:
    """Serve it; give its URL."""
    model = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{model.server_port}/infer"
    finally:
        model.shutdown()
