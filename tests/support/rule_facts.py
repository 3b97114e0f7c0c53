"""Rules and facts for tests of selection: written as the configuration has them, from generated series."""

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.assembly.facts import SeriesFacts, gather_facts
from hounsfield.daemon.assembly.rules import RuleBook
from hounsfield.daemon.config.rules import Rule
from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.model.attributes import read_attributes
from hounsfield.model.headers import read_header


def rules(*tables: dict[str, Any]) -> tuple[Rule, ...]:
    """Return [[rule]] tables as the configuration reads them."""
    destination = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 4242}
    return Settings(rule=list(tables), destination=[destination]).rule


def read_rules(folder: Path, text: str) -> tuple[Rule, ...]:
    """Return the rules of a configuration file."""
    path = folder / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path).rule


def rule(**keys: Any) -> Rule:
    """Return one rule called ``r`` that a bundle analyses, unless ``keys`` say otherwise."""
    return rules({"name": "r", "bundle": "b"} | keys)[0]


def book(*tables: dict[str, Any]) -> RuleBook:
    """Return the rule book of these tables."""
    return RuleBook(rules(*tables))


def facts_of(folder: Path, series: list[Dataset], keywords: frozenset[str] = frozenset()) -> SeriesFacts:
    """Return the facts of a series written to ``folder``."""
    paths = write_series(folder, series)
    headers = [read_header(path) for path in paths]
    return gather_facts(headers, [read_attributes(path, keywords) for path in paths] if keywords else [])


def asked(folder: Path, series: list[Dataset] | None = None, **keys: Any) -> list[str]:
    """Return the trace of one rule over a series, without the rule's name."""
    one = RuleBook([rule(**keys)])
    facts = facts_of(folder, ct_series(3) if series is None else series, one.keywords)
    return [line.removeprefix("r: ") for line in one.match(facts).lines]
