"""The rules of the configuration, compiled: which one a series meets first, and line by line why. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hounsfield.daemon.assembly.facts import SeriesFacts
from hounsfield.daemon.config.assembly import AssemblySettings
from hounsfield.daemon.config.rules import Rule
from hounsfield.daemon.rule_language.conditions import Condition, parse_where
from hounsfield.daemon.rule_language.expressions import Expression, compile_expression
from hounsfield.daemon.rule_language.predicates import AGE_KEYWORDS
from hounsfield.daemon.rule_language.quoting import MOST_SHOWN, plain, shown
from hounsfield.model.attributes import Values, attribute

NOT_SHOWN = "(patient attribute, not shown)"
_AGE = "patient_age_years"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """One condition of a rule and what a series made of it, as ``SliceThickness is 4, 7: from 3 to 8: met``."""

    found: str
    """What was looked at and what it is; texts quoted, cut and escaped, patient attributes not shown."""
    condition: str
    met: bool

    def __str__(self) -> str:
        parts = (self.found, self.condition, "met" if self.met else "not met")
        return ": ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrace:
    """What a series made of one rule. It meets the rule when it meets every line."""

    rule: str
    lines: tuple[TraceLine, ...]

    @property
    def met(self) -> bool:
        """Whether the series meets the rule."""
        return all(line.met for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The first rule that a series meets."""

    rule: Rule | None
    """None if it meets none."""
    trace: tuple[RuleTrace, ...]
    """Of each rule in order, up to and including the one that it meets."""

    @property
    def lines(self) -> list[str]:
        """The trace as text, a line for each condition."""
        return [f"{one.rule}: {line}" for one in self.trace for line in one.lines]


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: Rule
    where: Mapping[str, Condition]
    when: Expression | None
    requires: tuple[Mapping[str, Condition], ...]


class RuleBook:
    """The rules in their order. Without any, every series meets :data:`IMPLICIT`: each bundle's own scope decides."""

    IMPLICIT: ClassVar[Rule] = Rule.model_construct(name="any-bundle")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(_compile(rule) for rule in rules) or (_Compiled(self.IMPLICIT, {}, None, ()),)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of the configuration in their order; the implicit one is none of them."""
        return tuple(one.rule for one in self._rules if not one.rule.implicit)

    def without_holds(self) -> "RuleBook":
        """Return the book for series that a person released: rules that hold are passed over.

        A book of such rules only leaves one that takes nothing, which is not the same as having no rules.
        """
        book = RuleBook([])
        book._rules = tuple(one for one in self._rules if not one.rule.hold)
        return book

    @property
    def keywords(self) -> frozenset[str]:
        """Every attribute that a rule looks at, to be read by ``hounsfield.model.attributes.read_attributes``."""
        wanted: set[str] = set()
        for one in self._rules:
            wanted.update(one.where, *one.requires)
            if one.when is not None and _AGE in one.when.names:
                wanted.update(AGE_KEYWORDS)
        return frozenset(wanted)

    def match(self, facts: SeriesFacts) -> Match:
        """Return the first rule that the series meets, and what came of those before it."""
        trace: list[RuleTrace] = []
        for one in self._rules:
            trace.append(_ask(one, facts))
            if trace[-1].met:
                return Match(rule=one.rule, trace=tuple(trace))
        return Match(rule=None, trace=tuple(trace))

    def fastest_quiet(self, assembly: AssemblySettings) -> float:
        """Return the shortest quiet period, s, that a series could have: before it nothing need be looked at."""
        periods = [assembly.quiet_seconds, assembly.released_seconds]
        for one in self._rules:
            periods += [p for p in (one.rule.quiet_seconds, one.rule.released_seconds) if p is not None]
        return min(periods)


def conditions_of(rule: Rule) -> list[str]:
    """Return what a series has to meet, in words: ``SliceThickness from 3 to 8``."""
    where = [f"{keyword} {condition}" for keyword, condition in parse_where(rule.where).items()]
    when = [] if rule.when is None else [_one_line(rule.when)]
    return [*where, *when] or ["every series"]


def matches_where(facts: SeriesFacts, table: Mapping[str, object]) -> bool:
    """Whether a series meets every condition of a ``where`` table, as each one under ``requires`` is."""
    return all(_line(keyword, condition, facts).met for keyword, condition in parse_where(table).items())


def _compile(rule: Rule) -> _Compiled:
    when = None if rule.when is None else compile_expression(rule.when)
    return _Compiled(rule, parse_where(rule.where), when, tuple(parse_where(table) for table in rule.requires))


def _ask(one: _Compiled, facts: SeriesFacts) -> RuleTrace:
    lines = [_line(keyword, condition, facts) for keyword, condition in one.where.items()]
    if one.when is not None:
        lines.append(_when_line(one.when, facts))
    if not lines:
        lines.append(TraceLine(found="", condition="every series", met=True))
    return RuleTrace(rule=one.rule.name, lines=tuple(lines))


def _line(keyword: str, condition: Condition, facts: SeriesFacts) -> TraceLine:
    """Every image has to meet the condition; a series of which nothing was read meets none."""
    different = facts.values.get(keyword, ())
    met = bool(different) and all(condition.met(values) for values in different)
    found = NOT_SHOWN if attribute(keyword).personal else f"is {_found(different)}"
    return TraceLine(found=f"{keyword} {found}", condition=str(condition), met=met)


def _found(different: Sequence[Values]) -> str:
    """The values of the images, the first few of many: ``4, 7``."""
    if not different:
        return "not read"
    words = [_of_image(values) for values in different[:MOST_SHOWN]]
    if len(different) > MOST_SHOWN:
        words.append(f"and {len(different) - MOST_SHOWN} more")
    return ", ".join(words)


def _of_image(values: Values) -> str:
    if not values:
        return "absent"
    return shown(values[0]) if len(values) == 1 else shown(values)


def _when_line(when: Expression, facts: SeriesFacts) -> TraceLine:
    answer = when.ask(facts.predicates)
    found = [f"{name} is {NOT_SHOWN if name == _AGE else shown(facts.predicates.get(name))}" for name in when.names]
    if answer.trouble:
        found.append(answer.trouble)
    return TraceLine(found=", ".join(found), condition=f"when {_one_line(when.text)}", met=answer.met)


def _one_line(text: str) -> str:
    return plain(" ".join(text.split()))
