"""Pages in a real Chromium, each in a window of its own that notices whatever is amiss."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from support.peers import require_binary

Scheme = Literal["light", "dark"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser that is closed with the block."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=require_binary("chromium-headless-shell"))
        yield started
        started.close()


@contextmanager
def window(
    browser: Browser, url: str, size: ViewportSize, scheme: Scheme = "light", allowed: tuple[str, ...] = ()
) -> Iterator[Page]:
    """Give a fresh window on the server at ``url``.

    Whatever a page complains of fails the test, and so does what it asks of an address that begins with neither
    ``url`` nor one of ``allowed``.
    """
    context = browser.new_context(viewport=size, color_scheme=scheme, base_url=url)
    page = context.new_page()
    amiss: list[str] = []
    page.on("console", lambda message: amiss.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: amiss.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith((url, *allowed)) else amiss.append(asked.url))
    try:
        yield page
    finally:
        context.close()
    assert amiss == []
