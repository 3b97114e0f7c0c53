"""Mutants of one module: its syntax tree with one small thing changed, compiled.

The operators are those of the known tools (comparisons, boundaries, boolean operators, arithmetic, constants, removed
statements and arguments), and two that tables need: an entry is left out, and a member of an enum becomes another one.
What computes nothing is left alone: docstrings, annotations, decorators, blocks for type checkers, log lines, and
texts for people, which are the strings with a blank in them and all that stands in f-strings beside the expressions.
"""

import ast
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_SWAPPED_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_SILENT_CALLS = ("log", "logger", "get_logger", "TypeVar", "NewType")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change."""

    line: int
    before: str
    after: str
    code: CodeType

    def __str__(self) -> str:
        return f"{self.line}: {self.before}  ->  {self.after}"


def mutants(source: str, file: str) -> Iterator[Mutant]:
    """Yield all mutants of a module, in the order of its lines as far as they have one."""
    tree = ast.parse(source)
    members = _members(tree)
    for place in _places(tree):
        for changed in _variants(place, members):
            before, after = _words(place.node), _words(changed)
            place.put(changed)
            code = compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True)
            place.put(place.node)
            yield Mutant(place.line, before, after, code)


@dataclass(frozen=True, slots=True)
class _Place:
    """A node, and where it hangs."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    line: int

    def put(self, other: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, other)
        else:
            getattr(self.parent, self.field)[self.index] = other


def _places(tree: ast.Module) -> Iterator[_Place]:
    """Walk what computes something."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    while waiting:
        parent, line = waiting.pop()
        below = []
        for field, value in ast.iter_fields(parent):
            for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.AST) and not _is_left_alone(node, parent, field):
                    place = _Place(node, parent, field, index, getattr(node, "lineno", line))
                    yield place
                    below.append((node, place.line))
        waiting.extend(reversed(below))


def _is_left_alone(node: ast.AST, parent: ast.AST, field: str) -> bool:
    if field in ("annotation", "returns", "decorator_list", "type_comment", "format_spec", "bases", "ctx"):
        return True
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring
    if isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Constant) and isinstance(parent, ast.JoinedStr):
        return True
    if isinstance(node, ast.Assign) and any(_name(target) in ("__all__", "__slots__") for target in node.targets):
        return True
    return isinstance(node, ast.Call) and (_name(node.func) in _SILENT_CALLS or _owner(node.func) in _SILENT_CALLS)


def _variants(place: _Place, members: dict[str, list[str]]) -> Iterator[ast.AST]:
    node, parent = place.node, place.parent
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            for i, op in enumerate(ops):
                for other in _COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:i], other(), *ops[i + 1 :]], others)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for i in range(len(values)):
                rest = [*values[:i], *values[i + 1 :]]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC and not _is_of_types(node):
            yield ast.BinOp(left, _ARITHMETIC[type(op)](), right)
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in _ARITHMETIC:
            yield ast.AugAssign(target, _ARITHMETIC[type(op)](), value)
            yield ast.Pass()
        case ast.Constant(value=value):
            yield from _constants(value)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Set(elts=elts) | ast.List(elts=elts, ctx=ast.Load()) | ast.Tuple(elts=elts, ctx=ast.Load()):
            if not isinstance(parent, ast.Subscript) and not (isinstance(node, ast.Set) and len(elts) == 1):
                yield from _without_one(node, elts)
        case ast.Dict(keys=keys, values=values):
            for i in range(len(keys)):
                yield ast.Dict([*keys[:i], *keys[i + 1 :]], [*values[:i], *values[i + 1 :]])
        case ast.Attribute(value=ast.Name(id=owner), attr=attr, ctx=ctx) if attr in members.get(owner, ()):
            others_ = members[owner]
            yield ast.Attribute(ast.Name(owner, ast.Load()), others_[(others_.index(attr) + 1) % len(others_)], ctx)
        case ast.Call(func=func, args=args, keywords=keywords):
            yield from _calls(func, args, keywords)
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.Delete():
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
    yield from _conditions(place)


def _constants(value: object) -> Iterator[ast.AST]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int() | float():
            yield ast.Constant(value + 1)
            if value not in (0, 1):
                yield ast.Constant(value - 1)
        case str() if value and " " not in value:
            yield ast.Constant(f"XX{value}")
        case bytes() if value:
            yield ast.Constant(b"XX" + value)


def _calls(func: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]) -> Iterator[ast.AST]:
    if (other := _SWAPPED_CALLS.get(_name(func))) is not None:
        yield ast.Call(ast.Name(other, ast.Load()), args, keywords)
    for i, keyword in enumerate(keywords):
        if keyword.arg is not None:
            yield ast.Call(func, args, [*keywords[:i], *keywords[i + 1 :]])


def _without_one(node: ast.AST, elts: list[ast.expr]) -> Iterator[ast.AST]:
    for i in range(len(elts)):
        rest = [*elts[:i], *elts[i + 1 :]]
        yield ast.Set(rest) if isinstance(node, ast.Set) else type(node)(rest, ast.Load())


def _conditions(place: _Place) -> Iterator[ast.AST]:
    """What is asked is always so, and never."""
    is_test = place.field == "test" and isinstance(place.parent, ast.If | ast.IfExp | ast.While)
    is_filter = place.field == "ifs"
    if is_test or is_filter:
        yield ast.Constant(True)
        if not isinstance(place.parent, ast.While):
            yield ast.Constant(False)


def _members(tree: ast.Module) -> dict[str, list[str]]:
    """Return the members of enums that the module speaks of, by the name of the enum."""
    found: dict[str, list[str]] = defaultdict(list)
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name, body=body):
                names = [target for one in body if isinstance(one, ast.Assign) for target in one.targets]
                found[name] += [one.id for one in names if isinstance(one, ast.Name) and one.id.isupper()]
            case ast.Attribute(value=ast.Name(id=owner), attr=attr) if attr.isupper() and not owner.isupper():
                found[owner].append(attr)
    return {owner: list(dict.fromkeys(names)) for owner, names in found.items() if len(set(names)) > 1}


def _is_of_types(node: ast.BinOp) -> bool:
    """Whether it is a union of types, which is nothing to compute."""
    names = [part for side in (node.left, node.right) for part in itertools.chain([side], ast.walk(side))]
    return isinstance(node.op, ast.BitOr) and all(
        isinstance(one, ast.BinOp | ast.BitOr | ast.Load)
        or (isinstance(one, ast.Name) and not one.id.isupper() and one.id.lstrip("_")[:1].isupper())
        or _is_none(one)
        for one in names
    )


def _is_none(node: Any) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _owner(node: ast.AST) -> str:
    return _name(node.value) if isinstance(node, ast.Attribute) else ""


def _words(node: ast.AST) -> str:
    """Return the source of a node in one line of bearable length."""
    words = " ".join(ast.unparse(node).split())
    return words if len(words) <= 90 else words[:87] + "..."
