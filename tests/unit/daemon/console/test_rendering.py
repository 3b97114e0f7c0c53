"""Filters of the templates."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from hounsfield.daemon.console import rendering
from hounsfield.daemon.console.rendering import Renderer, ago, commands, safe_text, size, span, utc


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((None, "–"), (-3, "0 s"), (0, "0 s"), (0.25, "0.25 s"), (9.999, "10 s"), (59.7, "1 min"), (61, "1 min 1 s")),
        *((3600, "1 h"), (3661, "1 h 1 min"), (90000, "1 d 1 h"), (86400 * 400, "400 d")),
    ],
)
def test_lengths_of_time_take_two_units_at_most(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


@given(st.floats(min_value=0, max_value=1e9))
def test_every_length_of_time_has_words(seconds: float) -> None:
    assert 1 <= span(seconds).count(" ") <= 3


def test_what_never_was_is_a_dash() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert ago(None, now) == "–"
    assert ago(now - timedelta(minutes=2), now) == "2 min"
    assert utc(now) == "2026-03-01T00:00:00Z"


@pytest.mark.parametrize(
    ("count", "words"), [(None, "–"), (0, "0 B"), (1500, "1.5 kB"), (2.5e9, "2.5 GB"), (8e15, "8000.0 TB")]
)
def test_bytes_are_counted_as_disks_are_sold(count: float | None, words: str) -> None:
    assert size(count) == words


def test_text_from_the_network_cannot_move_anything() -> None:
    assert safe_text("CT\u202e1\n\x1b[2J") == "CT\\u202e1\\n\\x1b[2J"


def test_templates_escape_everything_and_miss_nothing(tmp_path, monkeypatch) -> None:
    (tmp_path / "page.html").write_text("{{ value|safe_text }}")
    monkeypatch.setattr(rendering, "TEMPLATES", tmp_path)
    renderer = Renderer({})
    assert renderer.fill("page.html", {"value": '<b title="x">\''}) == "&lt;b title=&#34;x&#34;&gt;&#39;"
    with pytest.raises(UndefinedError):
        renderer.fill("page.html", {})


def test_commands_in_a_text_are_shown_as_such_and_nothing_else_is_markup() -> None:
    assert commands("`jobs list <x>`, then `retry`") == "<code>jobs list &lt;x&gt;</code>, then <code>retry</code>"
    assert commands("one ` alone <b>") == "one ` alone &lt;b&gt;"
