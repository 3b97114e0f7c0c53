"""Settings by section."""

from hounsfield.daemon.config.describe import ConfigRow, describe
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.console.pages.settings import groups


def test_every_key_in_force_stands_in_its_section_with_its_source() -> None:
    rows = describe(Settings())
    found = groups(rows)
    assert sum(len(group.lines) for group in found) == len(rows)
    (console,) = [group for group in found if group.name == "console"]
    assert {line.source for line in console.lines} == {"default"}
    assert not any(line.is_set for line in console.lines)


def test_entries_of_an_array_are_groups_of_their_own_and_what_was_set_is_marked() -> None:
    rows = [ConfigRow("peer[0].host", '"a"', "file"), ConfigRow("peer[1].host", '"b\x1b"', "environment")]
    found = groups(rows)
    assert [group.name for group in found] == ["peer[0]", "peer[1]"]
    assert found[1].lines[0].value == '"b\\x1b"'
    assert found[1].lines[0].is_set
