"""``[[rule]]``: which series are analysed, by which bundle, and how long they are waited for."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from hounsfield.daemon.config.fields import Section, fault, setting
from hounsfield.daemon.config.values import Name
from hounsfield.daemon.errors import ConfigurationProblem

_CONDITION_ALLOWED = (
    "a table of DICOM keywords, each with a value, a list of values, or one of { matches = }, { from =, to = }, "
    "{ present = }, { not = }"
)
_FOR_ANALYSIS = (
    "priority",
    "incomplete",
    "destinations",
    "shadow",
    "per_study",
    "requires",
    "wait_seconds",
    "incomplete_wait_seconds",
    "force_seconds",
)
"""Keys without a meaning where nothing is analysed."""


def _check_where(table: dict[str, Any]) -> dict[str, Any]:
    from hounsfield.daemon.rule_language.conditions import BadCondition, parse_where

    try:
        parse_where(table)
    except BadCondition as error:
        raise fault(error.wrong, error.allowed, below=error.below) from None
    return table


def _check_when(text: str) -> str:
    from hounsfield.daemon.rule_language.expressions import EXPRESSION_ALLOWED, BadExpression, compile_expression

    try:
        compile_expression(text)
    except BadExpression as error:
        raise fault(str(error), EXPRESSION_ALLOWED, below="") from None
    return text


def _one_or_several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Where = Annotated[dict[str, Any], AfterValidator(_check_where)]
When = Annotated[str, AfterValidator(_check_when)]
OneOrSeveral = Annotated[tuple[str, ...], BeforeValidator(_one_or_several)]


class Rule(Section):
    """Which series are analysed, by which bundle, and how. One [[rule]] table each; their order counts.

    The first rule that a series meets decides; a series that meets none is kept and skipped. Without any rule every
    bundle's own scope decides. `hounsfield rules test FOLDER` shows for files on disk what the rules make of them.
    """

    EXAMPLES: ClassVar[str] = """\
Examples. The first three rules of a site that wants thin soft-tissue head CT at once, keeps the test phantoms of its
physicist for a person to look at, and never wants the reformats of its workstation:

[[rule]]
name = "never-reformats"
where = { Modality = "CT", StationName = ["WS1", "WS2"] }
skip = true

[[rule]]
name = "phantoms"
where = { PatientID = { matches = "(?i)^(qa|phantom)" } }
hold = true

[[rule]]
name = "head-stat"
where = { BodyPartExamined = ["HEAD", "BRAIN"], SliceThickness = { from = 0.5, to = 5.0 } }
when = 'original and axial and not contrast and not matches(kernel, "(?i)^(bone|h[67])")'
bundle = "ich-demo"
priority = "stat"
quiet_seconds = 6.0
"""

    name: Name = setting(
        ...,
        "Name of the rule in the job log and in `series show`.",
        example="head-ct",
    )
    where: Where = setting(
        {},
        "Conditions on attributes of the images, by DICOM keyword: equal to a value, one of a list, "
        '{ matches = "REGEX" }, { from = 1.0, to = 5.0 } (either end may be missing), { present = true }, '
        "{ not = ... }. Every image that is not a localizer has to meet all of them.",
        allowed=_CONDITION_ALLOWED,
        example={"Modality": "CT", "BodyPartExamined": ["HEAD", "BRAIN"], "SliceThickness": {"from": 0.5, "to": 5.0}},
        default_text="every series",
    )
    when: When | None = setting(
        None,
        "One more condition, over the words of docs/rules.md.",
        allowed="an expression such as 'original and axial and slices >= 20'",
        example='original and axial and not contrast and matches(series_description, "(?i)head|brain")',
        default_text="no more condition",
    )
    bundle: OneOrSeveral = setting(
        (),
        "The bundle that analyses the series, or several. Exactly one of bundle, hold and skip is given.",
        allowed="the name of a bundle, or a list of names",
        example="ich-demo",
        default_text="none",
    )
    hold: bool = setting(False, "Hold the series until a person releases or discards it.")
    skip: bool = setting(False, "Never analyse the series.")
    priority: Literal["routine", "stat"] = setting(
        "routine", "Series with stat are analysed first: see [queue] patience_minutes."
    )
    quiet_seconds: float | None = setting(
        None,
        "A series of this rule is closed when nothing new came for so long.",
        unit="seconds",
        example=10.0,
        default_text="assembly.quiet_seconds",
        gt=0,
        le=86400,
    )
    released_seconds: float | None = setting(
        None,
        "The same, where every association that brought images of it was released; never longer than quiet_seconds.",
        unit="seconds",
        example=5.0,
        default_text="assembly.released_seconds",
        ge=0,
        le=86400,
    )
    wait_seconds: float | None = setting(
        None,
        'With per_study = "best": wait so long for better series of the study.',
        unit="seconds",
        example=0.0,
        default_text="assembly.wait_seconds",
        ge=0,
        le=604800,
    )
    incomplete_wait_seconds: float | None = setting(
        None,
        "A series with missing slices waits so long for them.",
        unit="seconds",
        example=60.0,
        default_text="assembly.incomplete_wait_seconds",
        ge=0,
        le=604800,
    )
    max_age_seconds: float | None = setting(
        None,
        "The series is closed at the latest so long after its first image.",
        unit="seconds",
        example=3600.0,
        default_text="assembly.max_age_seconds",
        gt=0,
        le=604800,
    )
    incomplete: Literal["report", "hold"] | None = setting(
        None,
        'A series that stays incomplete: "report" it as not analysed, or "hold" it for a person.',
        example="report",
        default_text="assembly.incomplete",
    )
    destinations: OneOrSeveral | None = setting(
        None,
        "Names of the only destinations that get the results. Whoever is notified is so all the same, unless it names "
        "some [[notify]] too, or nobody.",
        allowed="the name of a [[destination]] or [[notify]], or a list of names",
        example=("pacs",),
        default_text="every destination",
    )
    shadow: bool = setting(False, "Analyse and keep the results, send nothing.")
    per_study: Literal["best", "all"] = setting(
        "best",
        'Of the series of a study that meet this rule: analyse the "best" for the bundle (kernel, thickness, '
        'coverage), or "all" of them. A better one that comes later is analysed too, and its result names the former.',
    )
    requires: tuple[Where, ...] = setting(
        (),
        "Other series of the study that have to be there first: for each a table as in where.",
        allowed=f"a list, each {_CONDITION_ALLOWED}",
        example=[{"SeriesDescription": {"matches": "(?i)scout|topogram"}}],
        default_text="none",
    )
    force_seconds: float | None = setting(
        None,
        "With requires: go on without them so long after the first image of the study.",
        unit="seconds",
        example=600.0,
        default_text="assembly.max_age_seconds",
        ge=0,
        le=604800,
    )

    @property
    def implicit(self) -> bool:
        """Whether it stands for having no rules: no [[rule]] that was read is without bundle, hold and skip."""
        return not (self.bundle or self.hold or self.skip)

    @property
    def takes_all(self) -> bool:
        """Whether every series meets it."""
        return not self.where and self.when is None

    @model_validator(mode="after")
    def _does_one_thing(self) -> "Rule":
        given = [word for word in ("bundle", "hold", "skip") if getattr(self, word)]
        allowed = 'give exactly one of bundle = "NAME", hold = true, skip = true'
        if not given:
            raise fault("the rule says neither bundle nor hold nor skip", allowed, below="")
        if len(given) > 1:
            raise fault(f"the rule says {' and '.join(given)}", allowed, below=given[1])
        idle = next((key for key in _FOR_ANALYSIS if key in self.model_fields_set), None)
        if idle is not None and not self.bundle:
            wrong = f"it means nothing in a rule with {given[0]} = true"
            raise fault(wrong, "remove it, or give a bundle", below=idle)
        if self.force_seconds is not None and not self.requires:
            raise fault("it means nothing without requires", "remove it, or give requires", below="force_seconds")
        return self


def unreachable_rules(rules: Sequence[Rule]) -> list[tuple[str, str]]:
    """Return the names of rules that no series can come to, each with that of the rule that takes all before. Pure."""
    first = next((index for index, rule in enumerate(rules) if rule.takes_all), None)
    return [] if first is None else [(rule.name, rules[first].name) for rule in rules[first + 1 :]]


def unknown_bundles(
    rules: Sequence[Rule], names: Sequence[str], source: str = "[[rule]]"
) -> tuple[ConfigurationProblem, ...]:
    """Return a problem for each bundle that a rule asks for and that is none of ``names``. Pure."""
    return tuple(
        ConfigurationProblem(
            source=source,
            key=f"rule[{index}].bundle",
            wrong=f'there is no bundle "{name[:64]}"',
            allowed=f"allowed are the names of the configured bundles: {', '.join(names)}",
        )
        for index, rule in enumerate(rules)
        for name in rule.bundle
        if name not in names
    )
