"""``[[rule]]`` as the configuration takes it: everything is checked at load, and named by key."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.rule_facts import rules

from hounsfield.daemon.bundles.shelf import open_configured
from hounsfield.daemon.config.describe import describe
from hounsfield.daemon.config.rules import Rule, unknown_bundles, unreachable_rules
from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.daemon.errors import ConfigurationError

PACS = '[[destination]]\nname = "pacs"\nae_title = "P"\nhost = "127.0.0.1"\nport = 1\n'


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.upper().startswith("HOUNSFIELD_"):
            monkeypatch.delenv(name)


def load(folder: Path, text: str) -> Settings:
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def problems_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    return [line.removeprefix(f"{folder / 'my.toml'}: ") for line in str(caught.value).splitlines()]


def test_a_rule_is_read_with_all_it_says(tmp_path: Path) -> None:
    text = f"""{PACS}
[[rule]]
name = "head-stat"
where = {{ Modality = "CT", SliceThickness = {{ from = 0.5, to = 5 }}, ImageType = {{ not = "DERIVED" }} }}
when = 'original and matches(kernel, "^H3")'
bundle = ["a", "b"]
priority = "stat"
destinations = "pacs"
shadow = true
per_study = "all"
requires = [{{ SeriesDescription = {{ matches = "(?i)scout" }} }}]
force_seconds = 60
wait_seconds = 0
quiet_seconds = 6
released_seconds = 1
"""
    (rule,) = load(tmp_path, text).rule
    assert rule.bundle == ("a", "b")
    assert rule.destinations == ("pacs",)
    assert rule.where["SliceThickness"] == {"from": 0.5, "to": 5}
    assert (rule.priority, rule.shadow, rule.per_study) == ("stat", True, "all")
    assert (rule.quiet_seconds, rule.released_seconds, rule.wait_seconds, rule.force_seconds) == (6.0, 1.0, 0.0, 60.0)
    assert not rule.implicit
    assert not rule.takes_all


def test_where_may_be_a_table_of_its_own(tmp_path: Path) -> None:
    (rule,) = load(tmp_path, '[[rule]]\nname = "a"\nskip = true\n[rule.where]\nModality = "MR"\n').rule
    assert rule.where == {"Modality": "MR"}
    assert rule.skip


def test_what_a_rule_does_not_say_is_left_to_assembly(tmp_path: Path) -> None:
    (rule,) = load(tmp_path, '[[rule]]\nname = "a"\nbundle = "b"\n').rule
    assert rule.takes_all
    left = (rule.quiet_seconds, rule.released_seconds, rule.wait_seconds, rule.incomplete_wait_seconds)
    assert left == (None, None, None, None)
    assert (rule.max_age_seconds, rule.incomplete, rule.destinations) == (None, None, None)
    assert (rule.priority, rule.per_study, rule.shadow) == ("routine", "best", False)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", ["rule[0]: ", "neither bundle nor hold nor skip", "exactly one of"]),
        ('bundle = "b"\nskip = true', ["rule[0].skip: ", "bundle and skip"]),
        ("hold = true\nskip = true", ["rule[0].skip: ", "hold and skip"]),
        ("bundle = []", ["rule[0]: ", "neither bundle nor hold nor skip"]),
        ("bundle = 3", ["rule[0].bundle: given 3", "the name of a bundle, or a list of names"]),
        ("skip = true\nshadow = true", ["rule[0].shadow: ", "means nothing", "skip = true"]),
        ('hold = true\ndestinations = "pacs"', ["rule[0].destinations: ", "means nothing"]),
        ('bundle = "b"\nforce_seconds = 3', ["rule[0].force_seconds: ", "without requires"]),
        ('bundle = "b"\npriority = "high"', ["rule[0].priority: ", '"routine", "stat"']),
        ('bundle = "b"\nquiet_seconds = 0', ["rule[0].quiet_seconds: ", "above 0 to 86400"]),
        ('bundle = "b"\npriorty = 3', ["rule[0].priorty: there is no such key", 'did you mean "priority"?']),
        ('bundle = "b"\ndestinations = "else"', ["rule[0].destinations: ", 'no destination "else"', "pacs"]),
        ('bundle = "b"\nwhere = 3', ["rule[0].where: given 3", "a table of DICOM keywords"]),
        (
            'bundle = "b"\nwhere = { SeriesDescrption = "x" }',
            ["rule[0].where.SeriesDescrption: ", "did you mean SeriesDescription?"],
        ),
        (
            'bundle = "b"\nwhere = { SliceThickness = { from = "1" } }',
            ["rule[0].where.SliceThickness.from: ", "allowed is a number, without quotes"],
        ),
        (
            'bundle = "b"\nwhere = { SeriesDescription = { matches = "(" } }',
            ["rule[0].where.SeriesDescription.matches: ", "missing )", "regular expression"],
        ),
        ('bundle = "b"\nwhere = { StudyDate = 2020-01-01 }', ["rule[0].where.StudyDate: ", "StudyDate is a text"]),
        (
            'bundle = "b"\nrequires = [{ Modality = "CT" }, { Modaliti = "CT" }]',
            ["rule[0].requires[1].Modaliti: ", "did you mean Modality?"],
        ),
        ('bundle = "b"\nwhen = "modalty == 1"', ["rule[0].when: ", "did you mean modality?", "docs/rules.md"]),
        ('bundle = "b"\nwhen = "slices >"', ["rule[0].when: ", "syntax error"]),
        ('bundle = "b"\nwhen = 3', ["rule[0].when: given 3", "an expression such as"]),
    ],
)
def test_a_wrong_rule_is_named_by_key_with_what_is_allowed(tmp_path: Path, keys: str, expected: list[str]) -> None:
    (line,) = problems_of(tmp_path, f'{PACS}[[rule]]\nname = "a"\n{keys}\n')
    assert line.startswith(expected[0])
    for words in expected[1:]:
        assert words in line


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 65, "ä"])
def test_a_name_is_short_and_plain(tmp_path: Path, name: str) -> None:
    (line,) = problems_of(tmp_path, f'[[rule]]\nname = "{name}"\nskip = true\n')
    assert line.startswith("rule[0].name: ")
    assert "1 to 64 letters" in line


def test_every_rule_needs_a_name_of_its_own(tmp_path: Path) -> None:
    (line,) = problems_of(tmp_path, '[[rule]]\nname = "a"\nskip = true\n' * 2)
    assert line.startswith('rule[1].name: "a" is there twice')


def test_several_wrong_rules_are_named_at_once(tmp_path: Path) -> None:
    text = '[[rule]]\nname = "a"\nskip = true\nwhen = "x"\nwhere = { X = 1 }\n[[rule]]\nname = "b"\n'
    assert [line.split(": ")[0] for line in problems_of(tmp_path, text)] == [
        "rule[0].where.X",
        "rule[0].when",
        "rule[1]",
    ]


def test_rules_come_from_the_environment_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"name": "a", "bundle": "b", "where": {"KVP": [120], "StationName": {"not": {"matches": "^X"}}}}
    monkeypatch.setenv("HOUNSFIELD_RULE", json.dumps([table]))
    assert load_settings().rule[0].where == table["where"]
    monkeypatch.setenv("HOUNSFIELD_RULE", json.dumps([table | {"where": {"X": 1}}]))
    with pytest.raises(ConfigurationError, match=r"environment variable HOUNSFIELD_RULE: rule\[0\].where.X"):
        load_settings()


def test_config_show_tells_what_is_in_force(tmp_path: Path) -> None:
    text = '[[rule]]\nname = "a"\nskip = true\nwhere = { KVP = { from = 80 } }\nwhen = \'kernel == "B"\'\n'
    rows = {row.key: row.value for row in describe(load(tmp_path, text))}
    assert rows["rule[0].where"] == "{ KVP = { from = 80 } }"
    assert rows["rule[0].when"] == "'kernel == \"B\"'"
    assert rows["rule[0].quiet_seconds"] == "(assembly.quiet_seconds)"
    assert rows["rule[0].bundle"] == "(none)"


def named(*names: str, **keys: Any) -> tuple[Rule, ...]:
    return rules(*({"name": name, "bundle": "tiny"} | keys for name in names))


def test_a_bundle_that_is_not_there_is_named_with_those_that_are() -> None:
    assert unknown_bundles(named("a"), ["tiny"]) == ()
    (problem,) = unknown_bundles(rules({"name": "a", "bundle": ["tiny", "huge"]}), ["tiny", "other"])
    assert problem.key == "rule[0].bundle"
    assert 'no bundle "huge"' in problem.wrong
    assert "tiny, other" in problem.allowed


def test_the_shelf_refuses_rules_that_ask_for_another_bundle(tmp_path: Path) -> None:
    settings = load(tmp_path, '[[rule]]\nname = "a"\nbundle = "ich-dmeo"\n')
    with pytest.raises(ConfigurationError, match=r'my.toml: rule\[0\].bundle: there is no bundle "ich-dmeo".*ich-demo'):
        open_configured(settings)
    assert open_configured(load(tmp_path, '[[rule]]\nname = "a"\nbundle = "ich-demo"\n')) == ()


def test_rules_behind_one_that_takes_everything_are_found() -> None:
    assert unreachable_rules(named("a", "b", when="axial")) == []
    assert unreachable_rules([*named("a", when="axial"), *named("all"), *named("c", "d")]) == [
        ("c", "all"),
        ("d", "all"),
    ]
