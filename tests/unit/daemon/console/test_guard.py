"""What stands before every page."""

from pathlib import Path

import pytest
from support.browser import FORM_TYPE, Browser
from support.console import console_app, console_parts, console_settings

from hounsfield.daemon.console.guard import LARGEST_BODY
from hounsfield.storage.engine import Database


@pytest.fixture
def browser(database: Database, tmp_path: Path) -> Browser:
    return Browser(console_app(console_parts(database, tmp_path, console_settings(tmp_path, hosts=["ai.example.org"]))))


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere", "/static/console.css", "/static/nowhere.css"])
def test_nothing_from_elsewhere_runs_in_a_page_and_no_page_stands_in_another(browser: Browser, path: str) -> None:
    headers = browser.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_pages_are_kept_nowhere_and_files_are_asked_for_again(browser: Browser) -> None:
    assert browser.get("/").headers["cache-control"] == "no-store"
    css = browser.get("/static/console.css")
    assert css.headers["cache-control"] == "no-cache"
    assert browser.get("/static/console.css", if_none_match=css.headers["etag"]).status == 304


def test_a_name_that_was_pointed_here_by_somebody_gets_no_page(browser: Browser) -> None:
    browser.host = "evil.example.org:8050"
    answer = browser.get("/")
    assert (answer.status, b"console.hosts" in answer.body) == (400, True)
    browser.host = "ai.example.org"
    assert browser.get("/").status == 200


@pytest.mark.parametrize("name", ["", "balancer.example.org", "10.0.0.7:8050"])
def test_a_load_balancer_is_answered_whatever_it_calls_us(browser: Browser, name: str) -> None:
    browser.host = name
    assert browser.get("/livez").status == 200
    assert browser.get("/readyz").status == 503, "no receiver was heard of"
    assert browser.get("/livez/../").status == 400 or name.startswith("10.")


def test_a_form_that_is_too_large_is_refused(browser: Browser) -> None:
    body = b"name=" + b"a" * LARGEST_BODY
    assert browser.ask("POST", "/sign-in", body, {"content-type": FORM_TYPE}).status == 413


@pytest.mark.parametrize("body", [b"\xff\xfe%%%", b"&&&===", b"--x\r\nbroken", b"a=1&" * 5000])
@pytest.mark.parametrize(
    "kind", [FORM_TYPE, "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", ""]
)
def test_broken_forms_get_an_answer_and_no_fault(browser: Browser, body: bytes, kind: str) -> None:
    assert 400 <= browser.ask("POST", "/sign-in", body, {"content-type": kind}).status < 500


@pytest.mark.parametrize("path", ["/nowhere", "/jobs/../../etc/passwd", "/static/../app.py", "/static/%2e%2e/app.py"])
def test_what_is_not_there_is_said_on_a_page(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status == 404
    assert "There is no such page." in answer.text


def test_a_database_that_is_down_is_a_page_too(browser: Browser, database: Database, tmp_path: Path) -> None:
    (tmp_path / "hounsfield.db").rename(tmp_path / "moved")
    answer = browser.get("/")
    assert answer.status == 503
    assert "The job database does not answer." in answer.text
