"""The site: its pages, and what is done to them on the way, as far as it shows without building it."""

import ast
import re
from pathlib import Path
from typing import Any

import hooks
import pytest
import yaml
from lists import for_python_markdown
from support.documents.pages import ROOT, page

from hounsfield.daemon.config.settings import load_settings

DOCS = ROOT / "docs"


class AnyTag(yaml.SafeLoader):
    """Reads what is made of Python objects as None: mkdocs makes them when it builds."""


AnyTag.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
CONFIG: dict[str, Any] = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), AnyTag)


def in_nav(nav: object) -> list[str]:
    """Return the pages of a part of the navigation, in their order."""
    if isinstance(nav, str):
        return [nav]
    parts = nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ()
    return [page for part in parts for page in in_nav(part)]


def test_every_page_stands_in_the_navigation_once() -> None:
    pages = [file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md")]
    listed = in_nav(CONFIG["nav"])
    assert sorted(page for page in listed if not page.startswith("repository/")) == sorted(pages)
    assert len(set(listed)) == len(listed)


def test_pages_outside_docs_are_linked_from_a_page_and_so_on_the_site() -> None:
    linked, todo = set[str](), [f"docs/{page.relative_to(DOCS).as_posix()}" for page in DOCS.rglob("*.md")]
    while todo:
        new = {path for path in hooks.outward(todo.pop()) if path.endswith(".md")} - linked
        linked |= new
        todo += new
    listed = {page for page in in_nav(CONFIG["nav"]) if page.startswith("repository/")}
    assert listed <= {hooks.site_path(path) for path in linked}


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert CONFIG["theme"]["font"] is False
    sources = [*CONFIG.get("extra_css", ()), *CONFIG.get("extra_javascript", ())]
    assert [source for source in sources if "//" in source] == []
    for file in DOCS.glob("assets/*"):
        assert "http" not in file.read_text().replace("http://www.w3.org/2000/svg", ""), file.name


def test_every_decision_stands_in_the_list_of_decisions_under_its_title() -> None:
    text = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    for file in sorted(DOCS.glob("adr/0*.md")):
        number, _, title = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(". ")
        assert f"| {number} | [{title}]({file.name}) |" in text


@pytest.mark.parametrize("name", sorted(path.name for path in DOCS.glob("api/*.md")))
def test_what_the_reference_names_is_there_and_has_a_docstring(name: str) -> None:
    for named in re.findall(r"^::: hounsfield\.([\w.]+)$", (DOCS / "api" / name).read_text(), re.MULTILINE):
        assert docstring_of(named), named


def docstring_of(name: str) -> str | None:
    """Return the docstring of a module, or of a class or function in one; nothing is imported."""
    folder, _, last = name.rpartition(".")
    module = ROOT / f"{name.replace('.', '/')}.py"
    if module.is_file():
        return ast.get_docstring(ast.parse(module.read_text()))
    body = ast.parse((ROOT / f"{folder.replace('.', '/')}.py").read_text()).body
    found = (node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == last)
    return ast.get_docstring(next(found))


@pytest.mark.parametrize(
    ("here", "link", "there"),
    [
        ("docs/console.md", "[r](../README.md#limits)", "[r](repository/readme.md#limits)"),
        ("docs/adr/0001-import-names.md", "[x](../rules.md)", "[x](../rules.md)"),
        ("README.md", "[x](docs/rules.md#a)", "[x](../rules.md#a)"),
        ("README.md", "![x](docs/preview.png)", "![x](../preview.png)"),
        ("README.md", "[c](CONTRIBUTING.md)", "[c](contributing.md)"),
        ("README.md", "[x](docs/adr)", "[x](../adr/README.md)"),
        ("deploy/README.md", "[x](config)", "x"),
        ("README.md", "[x](deploy/config/hounsfield.toml)", "[x](../files/deploy/config/hounsfield.toml)"),
        ("README.md", "[x](https://example.org/a) [y](#limits)", "[x](https://example.org/a) [y](#limits)"),
        ("README.md", "```sh\n[c](CONTRIBUTING.md)\n```", "```sh\n[c](CONTRIBUTING.md)\n```"),
        ("README.md", "[gone](no/such/file)", "[gone](no/such/file)"),
    ],
)
def test_links_stay_within_the_site(here: str, link: str, there: str) -> None:
    assert hooks.rewritten(link, here) == there


@pytest.mark.parametrize(
    ("forge", "python"),
    [
        ("text\n- one\n  more\n  - two\n", "text\n\n- one\n    more\n\n    - two\n"),
        ("1. one\n\n   ```sh\n   do\n   ```\n2. two\n", "1. one\n\n    ```sh\n    do\n    ```\n2. two\n"),
        ("text\n| a |\n|---|\n| 1 |\n", "text\n\n| a |\n|---|\n| 1 |\n"),
        ("a\n\n    code\n", "a\n\n    code\n"),
        ("- one\nlazy\n", "- one\n    lazy\n"),
    ],
)
def test_lists_and_tables_are_written_for_the_site(forge: str, python: str) -> None:
    assert for_python_markdown(forge) == python


def test_a_drawn_picture_stands_in_the_page_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "x.svg").write_text('<svg class="hf-picture" aria-label="old"></svg>')
    shown = hooks.inlined('<p><img alt="A &amp; B" src="x.svg" /></p><img alt="p" src="photo.png">', tmp_path)
    assert shown == (
        '<figure><svg class="hf-picture" aria-label="A &amp; B"></svg></figure><img alt="p" src="photo.png">'
    )


def test_the_configuration_of_the_first_steps_is_one_that_the_daemon_takes(tmp_path: Path) -> None:
    (block,) = (fence for fence in page("docs/getting-started.md").fences if fence.language == "toml")
    file = tmp_path / "hounsfield.toml"
    file.write_text((ROOT / "deploy" / "config" / "hounsfield.toml").read_text() + "\n".join(block.lines))
    assert [one.name for one in load_settings(file).destination] == ["inbox"]
