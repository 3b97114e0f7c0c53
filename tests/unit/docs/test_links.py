"""Every link of every document leads somewhere."""

import re
from urllib.parse import urlsplit

import pytest
from support.documents.pages import ROOT, Page, page, pages, slug

PAGES = [one.path for one in pages()]


def broken(here: Page) -> list[str]:
    """Return the links of a page that lead nowhere, each with its line."""
    return [f"{here.path}:{link.line}: {link.text}" for link in here.links if not leads_somewhere(here, link.text)]


def leads_somewhere(here: Page, target: str) -> bool:
    """Whether a link has the form of an address, or names a file and an anchor that are there."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return is_address(target)
    path, _, anchor = target.partition("#")
    if path.startswith("/"):
        return False  # it would mean another file on a forge than on the site
    file = (here.file.parent / path).resolve() if path else here.file
    if not file.exists() or not file.is_relative_to(ROOT):
        return False
    if not anchor:
        return True
    return file.suffix == ".md" and anchor in page(file.relative_to(ROOT).as_posix()).anchors


def is_address(target: str) -> bool:
    """Whether an address outside this project has a form that can be asked for; nobody is asked."""
    parts = urlsplit(target)
    if parts.scheme == "mailto":
        return re.fullmatch(r"[^@\s]+@[^@\s]+", parts.path) is not None
    return parts.scheme in ("http", "https") and re.fullmatch(r"[\w.-]+(:\d+)?", parts.netloc) is not None


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(path: str) -> None:
    assert broken(page(path)) == []


def test_the_documents_that_people_look_for_are_among_those_that_are_read() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "deploy/README.md", "docs/index.md"} <= set(PAGES)
    assert sum(len(page(path).links) for path in PAGES) > 150


@pytest.mark.parametrize(
    ("target", "is_right"),
    [
        ("docs/rules.md", True),
        ("docs/rules.md#no-such-heading", False),
        ("docs/no-such-page.md", False),
        ("#limits", True),
        ("#no-limits", False),
        ("../elsewhere/file.md", False),
        ("/docs/rules.md", False),
        ("Makefile#target", False),
        ("https://www.dicomstandard.org/current", True),
        ("https:/one-slash", False),
        ("http://host with space/", False),
        ("ftp://old.example/", False),
        ("mailto:somebody", False),
    ],
)
def test_a_wrong_link_is_found(target: str, is_right: bool) -> None:
    assert leads_somewhere(page("README.md"), target) is is_right


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Where the administrator looks", "where-the-administrator-looks"),
        ("Results: what, where", "results-what-where"),
        ("`jobs tail -f`", "jobs-tail--f"),
        ("A - b", "a---b"),
    ],
)
def test_anchors_are_those_of_a_forge(heading: str, anchor: str) -> None:
    assert slug(heading.replace("`", "")) == anchor
