"""``when`` of a rule: one expression over the predicates of a series, in the language of the library rule-engine.

Of the language only what a rule needs is let through: comparing, ``and``, ``or``, ``not``, ``in``, the four kinds of
arithmetic, ``??`` for what is unknown, and ``matches(TEXT, "PATTERN")``. There is no way to an attribute or method of
a Python object, to the clock, to chance or to a file, no loop, and nothing whose time a hostile text could stretch
(docs/adr/0007-rules.md). Everything is checked when the configuration is loaded.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from hounsfield.daemon.rule_language.patterns import found, pattern_problem
from hounsfield.daemon.rule_language.predicates import PREDICATES, Kind, PredicateValue
from hounsfield.daemon.rule_language.quoting import shown

if TYPE_CHECKING:
    import rule_engine

LONGEST_EXPRESSION: Final = 1000
"""Characters of an expression."""
EXPRESSION_ALLOWED: Final = (
    "allowed is an expression such as 'original and axial and slices >= 20'; docs/rules.md lists its words"
)
_MATCHES = "matches"
_BRANCHES = {
    "LogicExpression": ("left", "right"),
    "ComparisonExpression": ("left", "right"),
    "ArithmeticComparisonExpression": ("left", "right"),
    "AddExpression": ("left", "right"),
    "SubtractExpression": ("left", "right"),
    "ArithmeticExpression": ("left", "right"),
    "CoalesceExpression": ("left", "right"),
    "UnaryExpression": ("right",),
    "ContainsExpression": ("container", "member"),
    "FunctionCallExpression": ("function",),
    "SymbolExpression": (),
    "BooleanExpression": (),
    "FloatExpression": (),
    "StringExpression": (),
    "NullExpression": (),
    "ArrayExpression": (),
}
"""What is let through, and under which names it keeps its parts."""
_REFUSED = {
    "FuzzyComparisonExpression": '=~ and !~ are not there: write matches(series_description, "(?i)head")',
    "GetAttributeExpression": "attributes are not there: the words stand for themselves",
    "GetItemExpression": "[ ] after a word is not there",
    "GetSliceExpression": "[ ] after a word is not there",
    "ComprehensionExpression": "loops are not there",
    "TernaryExpression": "? : is not there: write two rules",
}


class BadExpression(ValueError):
    """An expression that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an expression says about a series."""

    met: bool
    trouble: str = ""
    """Why it could not be worked out, and so is not met; empty if it could. No text of an image."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression."""

    text: str
    names: tuple[str, ...]
    """The predicates it asks for, in the order of their documentation."""
    _rule: "rule_engine.Rule" = field(repr=False)

    def ask(self, predicates: Mapping[str, PredicateValue]) -> Answer:
        """Work it out. What cannot be, such as comparing an unknown thickness, is not met."""
        import rule_engine

        try:
            met = self._rule.evaluate({**predicates, _MATCHES: _matches})
        except (rule_engine.errors.EngineError, ArithmeticError) as error:
            unknown = [name for name in self.names if predicates.get(name) is None]
            why = f"{', '.join(unknown)} unknown" if unknown else _message(error)
            return Answer(False, f"cannot be worked out ({why})")
        return Answer(met is True)


def compile_expression(text: str) -> Expression:
    """Return the checked expression; raise :class:`BadExpression`."""
    import rule_engine

    if not 1 <= len(text.strip()) <= LONGEST_EXPRESSION:
        raise BadExpression(f"the expression has {len(text)} characters, allowed are 1 to {LONGEST_EXPRESSION}")
    try:
        rule = rule_engine.Rule(text, _context())
    except rule_engine.errors.SymbolResolutionError as error:
        raise BadExpression(_unknown(str(error.symbol_name))) from None
    except (rule_engine.errors.EngineError, ArithmeticError, ValueError, RecursionError) as error:
        raise BadExpression(_message(error)) from None
    asked = _check(rule.statement.expression)
    if _type_of(rule.statement.expression) != _TRUTH:
        raise BadExpression("it is neither true nor false: compare something")
    return Expression(text, tuple(name for name in PREDICATES if name in asked), rule)


def _matches(text: str, pattern: str) -> bool:
    return found(pattern, text)


@cache
def _types() -> dict[str, Any]:
    from rule_engine import DataType

    of_kind = {
        Kind.TEXT: DataType.STRING,
        Kind.NUMBER: DataType.FLOAT,
        Kind.TRUTH: DataType.BOOLEAN,
        Kind.TEXTS: DataType.ARRAY(DataType.STRING),
    }
    matches = DataType.FUNCTION(
        _MATCHES,
        return_type=DataType.BOOLEAN,
        argument_types=(DataType.STRING, DataType.STRING),
        minimum_arguments=2,
    )
    return {name: of_kind[predicate.kind] for name, predicate in PREDICATES.items()} | {_MATCHES: matches}


def _context() -> "rule_engine.Context":
    import rule_engine
    from rule_engine.builtins import Builtins

    context = rule_engine.Context(
        resolver=rule_engine.resolve_item, type_resolver=rule_engine.type_resolver_from_dict(_types())
    )
    context.builtins = Builtins({})  # no clock, no chance
    return context


_TRUTH, _UNKNOWN, _NULL = "BOOLEAN", "UNDEFINED", "NULL"


def _check(node: Any) -> set[str]:
    """Walk the whole tree; return the names of predicates in it."""
    asked: set[str] = set()
    waiting = [node]
    while waiting:
        node = waiting.pop()
        kind = type(node).__name__
        if kind not in _BRANCHES:
            raise BadExpression(_REFUSED.get(kind, "this is not allowed in a rule"))
        if kind == "SymbolExpression":
            if node.scope is not None:
                raise BadExpression("words with $ are not there")
            asked.add(node.name)
        check = _CHECKS.get(kind)
        if check is not None:
            check(node)
        waiting.extend(_parts(node, kind))
    return asked - {_MATCHES}


def _parts(node: Any, kind: str) -> Iterator[Any]:
    for branch in _BRANCHES[kind]:
        yield getattr(node, branch)
    if kind == "FunctionCallExpression":
        yield from node.arguments
    elif kind == "ArrayExpression":
        yield from node.value


def _type_of(node: Any) -> str:
    name: str = getattr(node.result_type, "name", _UNKNOWN)
    return name


def _check_logic(node: Any) -> None:
    sides = (node.left, node.right) if type(node).__name__ == "LogicExpression" else (node.right,)
    if getattr(node, "type", "") != "uminus" and any(_type_of(side) != _TRUTH for side in sides):
        raise BadExpression("and, or, not stand between what is true or false: compare something first")


def _check_comparison(node: Any) -> None:
    """The library takes 3 == "3" for false; in a rule it is a mistake."""
    left, right = _type_of(node.left), _type_of(node.right)
    if _UNKNOWN not in (left, right) and _NULL not in (left, right) and left != right:
        raise BadExpression(f"a {_words(left)} is compared with a {_words(right)}")


def _check_contains(node: Any) -> None:
    inside = getattr(node.container.result_type, "value_type", node.container.result_type)
    inside, member = getattr(inside, "name", _UNKNOWN), _type_of(node.member)
    if _UNKNOWN not in (inside, member) and inside != member:
        raise BadExpression(f"a {_words(member)} cannot be in a list of other things")


def _check_call(node: Any) -> None:
    pattern: Any = node.arguments[1] if len(node.arguments) == 2 else None
    if type(pattern).__name__ != "StringExpression":
        raise BadExpression('matches takes a word and a regular expression in quotes: matches(kernel, "^H3")')
    problem = pattern_problem(pattern.value)
    if problem:
        raise BadExpression(problem)


def _check_arithmetic(node: Any) -> None:
    if node.type == "pow":
        raise BadExpression("** is not there")


_CHECKS: dict[str, Callable[[Any], None]] = {
    "LogicExpression": _check_logic,
    "UnaryExpression": _check_logic,
    "ComparisonExpression": _check_comparison,
    "ContainsExpression": _check_contains,
    "FunctionCallExpression": _check_call,
    "ArithmeticExpression": _check_arithmetic,
}


def _words(kind: str) -> str:
    return {"STRING": "text", "FLOAT": "number", "BOOLEAN": "true or false", "ARRAY": "list"}.get(kind, kind.lower())


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, PREDICATES, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    return f"there is no word {shown(name)}; {guess}allowed are {', '.join(PREDICATES)}"


def _message(error: Exception) -> str:
    text = str(getattr(error, "message", "") or "") or type(error).__name__
    if text == "data type mismatch":
        return "what is compared or computed is not of one kind (text, number, true or false)"
    return text
