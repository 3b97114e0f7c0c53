"""The statement as one HTML file: everything in it, nothing from elsewhere, in both colour schemes and on paper."""

from collections.abc import Iterator
from html import escape
from typing import assert_never

from hounsfield.daemon.conformance.document import (
    CONTENTS,
    Block,
    Bullets,
    Document,
    Figure,
    Paragraph,
    Section,
    Table,
    depth_of,
    is_listed,
)

_STYLE = """\
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --line: #767676; --shade: #f0f2f4; --link: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #16191c; --line: #8a8f94; --shade: #23282d; --link: #8ab8f0; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 72rem;
  margin: 0 auto; padding: 1rem; }
a { color: var(--link); }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 1.6em 0 .5em; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { border: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
th { background: var(--shade); }
pre { background: var(--shade); padding: .75rem; overflow-x: auto; }
nav ul { list-style: none; padding-left: 1rem; }
@media print { body { max-width: none; font-size: 10pt; } tr { break-inside: avoid; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is fetched and nothing runs, whatever a text holds."""


def to_html(document: Document) -> str:
    """Return the whole document."""
    title = escape(document.title)
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    )
    cover = [line for block in document.cover for line in _block(block)]
    body = [line for section in document.walk() for line in _section(document, section)]
    return head + "\n".join([*cover, *body]) + "\n</main>\n</body>\n</html>\n"


def _section(document: Document, section: Section) -> Iterator[str]:
    level = min(6, depth_of(section) + 1)
    yield f'<h{level} id="{_anchor(section)}">{escape(section.number)} {escape(section.title)}</h{level}>'
    if section.number == CONTENTS:
        yield from _contents(document)
    for block in section.blocks:
        yield from _block(block)


def _contents(document: Document) -> Iterator[str]:
    yield "<nav>\n<ul>"
    for section in document.walk():
        if is_listed(section):
            indent = f' style="margin-left: {2 * (depth_of(section) - 1)}rem"' if depth_of(section) > 1 else ""
            name = f"{escape(section.number)} {escape(section.title)}"
            yield f'<li{indent}><a href="#{_anchor(section)}">{name}</a></li>'
    yield "</ul>\n</nav>"


def _anchor(section: Section) -> str:
    return escape(f"section-{section.number}")


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield f"<p>{escape(block.text)}</p>"
        case Bullets():
            yield "<ul>"
            yield from (f"<li>{escape(item)}</li>" for item in block.items)
            yield "</ul>"
        case Figure():
            yield f"<pre>{escape(block.text)}</pre>"
        case Table():
            yield from _table(block)
        case _:
            assert_never(block)


def _table(table: Table) -> Iterator[str]:
    if not table.rows:
        yield f"<p>{escape(table.caption)}: none</p>"
        return
    yield f"<table>\n<caption>{escape(table.caption)}</caption>"
    yield "<thead><tr>" + "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns) + "</tr></thead>"
    yield "<tbody>"
    yield from ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    yield "</tbody>\n</table>"
