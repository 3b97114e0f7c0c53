"""What mkdocs does besides: links that leave docs/ stay within the site, lists read as on a forge, pictures are inline.

The pages stand as they are on a forge: a link to ../README.md or to a file of deploy/ is right there. On the site the
Markdown files outside docs/ are pages under ``repository/``, and other files lie under ``files/``, to be downloaded.
"""

import html
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))  # mkdocs loads this file alone

from lists import for_python_markdown

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2`*\s*$", re.MULTILINE | re.DOTALL)
_IMAGE = re.compile(r'(?:<p>)?<img alt="([^"]*)" src="([^"]*)" ?/?>(?:</p>)?')
_DRAWN = 'class="hf-picture"'


def site_path(path: str) -> str | None:
    """Return where a file of the repository stands on the site; None for a folder that has no page of its own."""
    here = ROOT / path
    if here.is_dir():
        return site_path(posixpath.join(path, "README.md")) if (here / "README.md").is_file() else None
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path.endswith(".md"):
        return posixpath.join("repository", posixpath.dirname(path), posixpath.basename(path).lower())
    return posixpath.join("files", path)


def outward(path: str) -> Iterator[str]:
    """Yield the files outside docs/ that a page of the repository links to."""
    for target in _targets((ROOT / path).read_text(encoding="utf-8")):
        found = _resolved(target, path)
        if found is not None and not found.startswith("docs/") and (ROOT / found).is_file():
            yield found


def rewritten(text: str, path: str) -> str:
    """Return the page with its links as they have to be on the site."""
    here = posixpath.dirname(site_path(path) or "")

    def link(match: re.Match[str]) -> str:
        words, target = match.groups()
        found = _resolved(target, path)
        if found is None or not (ROOT / found).exists():
            return match[0]
        place = site_path(found)
        if place is None:
            return words
        _, hash_, anchor = target.partition("#")
        return f"[{words}]({posixpath.relpath(place, here or '.')}{hash_}{anchor})"

    return _outside_code(text, lambda part: _LINK.sub(link, part))


def _targets(text: str) -> list[str]:
    found: list[str] = []

    def note(part: str) -> str:
        found.extend(match[2] for match in _LINK.finditer(part))
        return part

    _outside_code(text, note)
    return found


def _outside_code(text: str, change: Any) -> str:
    """Apply ``change`` to what is no fenced code."""
    pieces, end = [], 0
    for fence in _FENCE.finditer(text):
        pieces += [change(text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*pieces, change(text[end:])])


def _resolved(target: str, path: str) -> str | None:
    """Return the file of the repository that a link leads to; None where it leads elsewhere, or on the same page."""
    file = target.partition("#")[0]
    if not file or re.match(r"[a-z]+:|/", target):
        return None
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
    return None if found.startswith("..") else found


def inlined(content: str, folder: Path) -> str:
    """Return a page in which the pictures drawn by docs/tools stand as such, in the colours of the site."""

    def picture(match: re.Match[str]) -> str:
        words, source = match.groups()
        file = folder / source
        drawing = file.read_text(encoding="utf-8") if file.suffix == ".svg" and file.is_file() else ""
        if _DRAWN not in drawing:
            return match[0]
        named = re.sub(r'aria-label="[^"]*"', f'aria-label="{html.escape(html.unescape(words))}"', drawing, count=1)
        return f"<figure>{named}</figure>"

    return _IMAGE.sub(picture, content)


def _repository_path(source: str) -> str:
    """Return the path in the repository of a page of the site."""
    if not source.startswith("repository/"):
        return f"docs/{source}"
    folder, name = posixpath.split(source.removeprefix("repository/"))
    here = ROOT / folder
    return posixpath.join(folder, next(file.name for file in here.iterdir() if file.name.lower() == name))


def on_files(files: Any, config: Any) -> Any:
    """Add what pages link to outside docs/, and what those files link to in their turn."""
    from mkdocs.structure.files import File, InclusionLevel

    todo = [f"docs/{page.src_uri}" for page in files.documentation_pages()]
    seen: set[str] = set()
    while todo:
        for path in outward(todo.pop()):
            if path in seen:
                continue
            seen.add(path)
            place = site_path(path)
            inclusion = InclusionLevel.NOT_IN_NAV
            files.append(File.generated(config, place, abs_src_path=str(ROOT / path), inclusion=inclusion))
            if path.endswith(".md"):
                todo.append(path)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links stay within the site and lists read as on a forge."""
    return for_python_markdown(rewritten(markdown, _repository_path(page.file.src_uri)))


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Put drawn pictures into the page."""
    return inlined(content, (ROOT / _repository_path(page.file.src_uri)).parent)
