"""Files of the pages: contrast, and nothing from elsewhere."""

import re

import pytest

from hounsfield.daemon.console.rendering import STATIC, TEMPLATES

CSS = (STATIC / "console.css").read_text()
PAIRS = [
    *((name, ground) for name in ("text", "muted", "accent") for ground in ("ground", "surface", "quiet-ground")),
    *(
        (name, f"{name}-ground")
        for name in ("positive", "negative", "not-analysed", "ok", "warning", "problem", "quiet")
    ),
    ("on-accent", "accent"),
]


def palettes() -> dict[str, dict[str, str]]:
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in CSS.split("prefers-color-scheme: dark")
    )
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_its_ground(scheme: str) -> None:
    colours = palettes()[scheme]
    poor = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in PAIRS}
    assert {pair: value for pair, value in poor.items() if value < 4.5} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edges_of_what_can_be_used_are_seen(scheme: str) -> None:
    colours = palettes()[scheme]
    assert contrast(colours["control"], colours["surface"]) >= 3
    assert contrast(colours["accent"], colours["ground"]) >= 3


def test_both_schemes_know_the_same_colours() -> None:
    light, dark = palettes().values()
    assert light.keys() == dark.keys()


def test_not_analysed_has_colours_of_its_own() -> None:
    for colours in palettes().values():
        grounds = [colours[f"{name}-ground"] for name in ("positive", "negative", "not-analysed")]
        assert len(set(grounds)) == 3


@pytest.mark.parametrize("template", sorted(path.name for path in TEMPLATES.rglob("*.html")))
def test_templates_have_no_script_or_style_within_and_ask_nobody_else(template: str) -> None:
    text = (TEMPLATES / template).read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b", text)
    assert not re.search(r"(src|href|action|hx-[a-z]+)=\"(https?:)?//", text)
    for name in re.findall(r'"/static/([^"]+)"', text):
        assert (STATIC / name).is_file()


@pytest.mark.parametrize("template", sorted(path.name for path in TEMPLATES.rglob("*.html")))
def test_every_form_that_does_something_has_a_token(template: str) -> None:
    for form in re.findall(r'<form[^>]*method="post".*?</form>', (TEMPLATES / template).read_text(), re.DOTALL):
        assert 'name="csrf"' in form or "parts.token()" in form


def test_what_others_wrote_is_named_with_its_version_and_licence() -> None:
    note = (STATIC / "VENDORED.md").read_text()
    version = re.search(r'version:"(2\.[0-9.]+)"', (STATIC / "htmx.min.js").read_text())
    assert version is not None
    assert f"| {version[1]} |" in note
    assert "Zero-Clause BSD" in (STATIC / "htmx.LICENSE.txt").read_text()
