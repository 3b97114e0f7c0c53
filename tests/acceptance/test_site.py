"""The site as `make docs` builds it: strictly, and readable in a browser that reaches nothing but the site.

With SCREENSHOTS=folder its pages are drawn there, in both colour schemes.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from support.chromium import Scheme, chromium, window
from support.documents.pages import ROOT

pytestmark = pytest.mark.timeout(600)

WINDOW = ViewportSize(width=1400, height=1000)
CONTRAST = (Path(__file__).parent.parent / "support" / "contrast.js").read_text()
FROM_ELSEWHERE = re.compile(r"<(?:link|script|img|iframe|source)\b[^>]*\b(?:href|src)=[\"'](?:https?:)?//[^\"']+", re.I)
LOOKED_AT = (
    *("index.html", "getting-started.html", "architecture.html", "reasons.html", "results.html", "performance.html"),
    *("repository/readme.html", "api/storage.html", "adr/index.html"),
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as the Makefile does; a warning ends it."""
    folder = tmp_path_factory.mktemp("site")
    command = [str(Path(sys.executable).with_name("mkdocs")), "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def url(built: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(built)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def visiting(browser: Browser, url: str, scheme: Scheme = "light") -> AbstractContextManager[Page]:
    return window(browser, f"{url}/", WINDOW, scheme, allowed=("data:", "blob:"))


def test_no_page_loads_anything_from_elsewhere(built: Path) -> None:
    pages = sorted(built.rglob("*.html"))
    assert len(pages) > 50
    found = {page.name: FROM_ELSEWHERE.findall(page.read_text(encoding="utf-8")) for page in pages}
    assert {name: links for name, links in found.items() if links} == {}


def test_what_pages_link_to_outside_the_documents_is_on_the_site(built: Path) -> None:
    assert (built / "files" / "deploy" / "config" / "hounsfield.toml").is_file()
    assert "Where the administrator looks" in (built / "repository" / "readme.html").read_text(encoding="utf-8")
    assert not (built / "tools").exists()


def test_the_reference_holds_the_methods_of_a_plug(built: Path) -> None:
    text = (built / "api" / "storage.html").read_text(encoding="utf-8")
    assert 'id="hounsfield.storage.ports.JobStore.complete_infer"' in text
    assert "Take the due job whose turn it is" in text
    assert ":class:" not in text


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_read_in_both_colour_schemes(browser: Browser, url: str, scheme: Scheme) -> None:
    with visiting(browser, url, scheme) as page:
        for path in LOOKED_AT:
            page.goto(path)
            expect(page.locator("h1")).to_have_count(1)
            wanted = "slate" if scheme == "dark" else "default"
            expect(page.locator("body")).to_have_attribute("data-md-color-scheme", wanted)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, path
            if folder := os.environ.get("SCREENSHOTS"):
                name = path.replace("/", "-").removesuffix(".html")
                page.screenshot(path=Path(folder) / f"site-{name}-{scheme}.png")


@pytest.mark.long
def test_the_picture_of_the_architecture_takes_the_colours_of_the_page(browser: Browser, url: str) -> None:
    paper = "getComputedStyle(document.querySelector('.hf-paper')).fill"
    grounds = []
    for scheme in ("light", "dark"):
        with visiting(browser, url, scheme) as page:
            page.goto("architecture.html")
            expect(page.locator("svg.hf-picture")).to_have_count(4)
            grounds.append(page.evaluate(paper))
    assert grounds[0] == "rgb(255, 255, 255)"
    assert grounds[0] != grounds[1]


@pytest.mark.long
def test_a_search_finds_a_page_without_a_network(browser: Browser, url: str) -> None:
    with visiting(browser, url) as page:
        page.goto("index.html")
        page.keyboard.press("/")
        page.get_by_role("textbox", name="Search").fill("gantry tilt")
        expect(page.locator(".md-search-result__item").first).to_be_visible(timeout=20_000)
        expect(page.locator(".md-search-result__list")).to_contain_text("tilt")
