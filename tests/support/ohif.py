"""The OHIF viewer in a headless Chromium, before an Orthanc with DICOMweb: what a person would see.

``make peers`` installs both. The viewer's built site comes from npm and is kept outside the project.
"""

import base64
import http.client
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Locator, Page, sync_playwright
from support.peers import Orthanc, require_binary, skip_or_fail

VERSION = "3.13.2"
_DICOMWEB = "/dicom-web/"
_SOFTWARE_RENDERING = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox")
_WINDOW = {"width": 1280, "height": 800}
_WAIT_MS = 60_000
_CANVAS = "[data-cy=viewport-grid] canvas.cornerstone-canvas"
"""What the viewport draws images on; the thumbnails have such surfaces too."""
_NO_TOUR = "localStorage.setItem('shownTours', JSON.stringify(['basicViewerTour']))"
"""The viewer's introduction for newcomers dims the picture, and drawing that in software takes a minute."""


def site() -> Path:
    """Return the folder of the built site, or leave the test."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "hounsfield-peers" / f"ohif-app-{VERSION}" / "dist"
    if not (folder / "index.html").is_file():
        skip_or_fail(f"OHIF {VERSION} is not installed: make peers")
    return folder


def _configuration() -> str:
    source = {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": "pacs",
        "configuration": {
            "friendlyName": "Orthanc",
            "name": "pacs",
            "qidoRoot": _DICOMWEB.rstrip("/"),
            "wadoRoot": _DICOMWEB.rstrip("/"),
            "wadoUriRoot": _DICOMWEB.rstrip("/"),
            "qidoSupportsIncludeField": False,
            "imageRendering": "wadors",
            "thumbnailRendering": "wadors",
            "enableStudyLazyLoad": True,
            "supportsFuzzyMatching": False,
            "supportsWildcard": True,
            "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
            "omitQuotationForMultipartRequest": True,
        },
    }
    values = {
        "routerBasename": None,
        "extensions": [],
        "modes": [],
        "customizationService": {},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 1,
        "showCPUFallbackMessage": False,
        "showErrorDetails": "always",
        "investigationalUseDialog": {"option": "never"},
        "defaultDataSourceName": "pacs",
        "dataSources": [source],
    }
    return f"window.config = {json.dumps(values)};"


class _Site(SimpleHTTPRequestHandler):
    """Serves the site; its configuration is ours, and what it asks of DICOMweb goes to Orthanc."""

    protocol_version = "HTTP/1.1"
    pacs: Orthanc

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/app-config.js":
            self._answer(HTTPStatus.OK, "text/javascript", _configuration().encode())
        elif path.startswith(_DICOMWEB):
            self._forward()
        else:
            if not Path(self.translate_path(path)).is_file():
                self.path = "/index.html"  # the routes of the application are no files
            super().do_GET()

    def _forward(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.pacs.http_port, timeout=30)
        kept = {name: self.headers[name] for name in ("Accept",) if name in self.headers}
        # Orthanc writes the links in its answers for the host that asked
        connection.request("GET", self.path, headers={**kept, "Host": self.headers["Host"]})
        answer = connection.getresponse()
        self._answer(answer.status, answer.headers.get("Content-Type", "text/plain"), answer.read())
        connection.close()

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: hundreds of lines would hide the test's."""


@contextmanager
def serving(pacs: Orthanc) -> Iterator[str]:
    """Serve the viewer before a PACS; return the address of its start page."""
    folder = str(site())
    handler = type("Handler", (_Site,), {"pacs": pacs})
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: handler(*given, directory=folder))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass
class Viewer:
    """The viewer with one study open."""

    page: Page
    faults: list[str] = field(default_factory=list)
    """Exceptions and errors of its JavaScript, refused requests: since it was opened, in their order."""

    def open(self, url: str, study_uid: str) -> None:
        """Open a study and wait for the first viewport."""
        page = self.page
        page.set_default_timeout(_WAIT_MS)
        page.add_init_script(_NO_TOUR)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("response", self._answered)
        page.goto(f"{url}/viewer?StudyInstanceUIDs={study_uid}")
        page.locator(_CANVAS).wait_for()

    def listed(self) -> list[str]:
        """Return the texts of the study browser's entries: modality, Series Description, Series Number."""
        entries = self._entries()
        entries.first.wait_for()
        return [text.replace("\n", " ") for text in entries.all_inner_texts()]

    def show(self, series_number: int) -> None:
        """Put a series into the viewport, as a double click does."""
        self._entries().filter(has_text=f"S:{series_number}").dblclick()

    def drawn(self) -> np.ndarray:
        """Return what the viewport shows: RGB (rows, columns, 3), without the texts laid over it. Black: no image."""
        url = self.page.evaluate("where => document.querySelector(where)?.toDataURL('image/png')", _CANVAS)
        if url is None:
            return np.zeros((1, 1, 3), np.uint8)
        encoded = url.partition(",")[2]
        decoded = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)
        return decoded[:, :, ::-1]

    def words(self) -> str:
        """Return every text on the screen."""
        return self.page.locator("body").inner_text()

    def keep(self, path: Path) -> None:
        """Write a screenshot."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, timeout=_WAIT_MS)

    def _entries(self) -> Locator:
        return self.page.locator("[data-cy=study-browser-thumbnail], [data-cy=study-browser-thumbnail-no-image]")

    def _answered(self, answer: Any) -> None:
        if answer.status >= 400:
            self._said("error", f"{answer.status} {answer.url}")

    def _said(self, kind: str, text: str) -> None:
        # what breaks a part of the viewer is caught there, and told as a debug message and a notice
        if kind == "error" or "Error Boundary" in text:
            self.faults.append(text)


@contextmanager
def viewing(pacs: Orthanc, study_uid: str) -> Iterator[Viewer]:
    """Open a study of a PACS in the viewer."""
    program = require_binary("chromium-headless-shell")
    with serving(pacs) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_SOFTWARE_RENDERING))
        try:
            viewer = Viewer(browser.new_page(viewport=_WINDOW))
            viewer.open(url, study_uid)
            yield viewer
        finally:
            browser.close()
