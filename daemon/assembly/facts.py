"""What rules look at: facts about a series, gathered once from its headers, raw attributes and receipts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hounsfield.daemon.rule_language.predicates import AGE_KEYWORDS, PredicateValue, predicates_of
from hounsfield.model.attributes import Values
from hounsfield.model.geometry import is_localizer
from hounsfield.model.headers import SliceHeader
from hounsfield.storage.records import InstanceRecord
from hounsfield.storage.states import InstanceRole


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFacts:
    """A series as rules see it. Localizers among its images count for nothing, unless there is nothing else."""

    values: Mapping[str, tuple[Values, ...]] = field(repr=False)
    """By keyword of the data dictionary: the different values its images have, each image's as one tuple; sorted."""
    predicates: Mapping[str, PredicateValue] = field(repr=False)
    """By the names of ``hounsfield.daemon.rule_language.predicates.PREDICATES``."""


def gather_facts(
    headers: Sequence[SliceHeader],
    attributes: Sequence[Mapping[str, Values]],
    instances: Sequence[InstanceRecord] = (),
) -> SeriesFacts:
    """Return the facts of one series.

    Args:
        headers: of its slices; several of one path where that is a multi-frame instance.
        attributes: what ``read_attributes`` gave for each file, in the order in which the files first stand in
            ``headers``; or nothing, where no rule looks at any.
        instances: the copies that were received, whatever they are; of files that nobody sent there are none.
    """
    paths = list(dict.fromkeys(header.path for header in headers))
    by_path: dict[Path, Mapping[str, Values]] = dict(zip(paths, attributes, strict=True)) if attributes else {}
    images = [header for header in headers if not is_localizer(header)] or list(headers)
    kept = [by_path[path] for path in dict.fromkeys(header.path for header in images) if path in by_path]
    senders = [one for one in instances if one.role is InstanceRole.SOURCE and one.is_primary]
    ages = [{keyword: one[keyword] for keyword in AGE_KEYWORDS if keyword in one} for one in kept]
    return SeriesFacts(values=_different(kept), predicates=predicates_of(images, ages, senders))


def _different(attributes: Sequence[Mapping[str, Values]]) -> Mapping[str, tuple[Values, ...]]:
    keywords = dict.fromkeys(keyword for one in attributes for keyword in one)
    return {keyword: tuple(sorted({one.get(keyword, ()) for one in attributes}, key=_order)) for keyword in keywords}


def _order(values: Values) -> tuple[tuple[bool, float, str], ...]:
    """Numbers before texts, which cannot be compared with each other."""
    return tuple((False, value, "") if isinstance(value, float) else (True, 0.0, value) for value in values)
