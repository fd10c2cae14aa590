"""The statement language: text to distributions and back.

A right-hand side is parsed as a Python expression and walked over a white list of nodes; it is never evaluated.
"""

import ast
import re
from functools import reduce
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec import distributions, dynamics, maps
from latentprob.spec.component import Component, Map, Sum, add, lookup, nearest, unknown_argument, written
from latentprob.spec.distributions import Distribution
from latentprob.spec.source import Source, lines_of, split

KINDS: dict[str, type[Component]] = {
    name: getattr(room, name) for room in (distributions, dynamics, maps) for name in room.__all__
}
WRITTEN = {"~": ("distribution", "Normal(0, 1)"), "=": ("map", "Linear(x, size=2)")}  # what follows, an example
ALLOWED = (
    'a number, a "string" for an option, a list, a name, a map such as Table(c), a prior such as HalfNormal(1), '
    "and sums of these"
)
INSTEAD: dict[type[ast.AST], str] = {
    ast.Tuple: "a list is written in [ ]",
    ast.Attribute: "write the bare name, Normal(0, 1)",
    ast.BinOp: "only + joins maps; write a product or a quotient of numbers as one number",
    ast.UnaryOp: "a minus stands in front of a number only; for a difference of maps write a sum",
    ast.Subscript: "a lookup is the name of a variable and of a column, e[head]",
    ast.Starred: "write the arguments one by one",
    ast.JoinedStr: "write the string without f",
}


def parse(text: str) -> tuple[dict[str, Any], dict[str, str], Source]:
    """The statements of a text by name, the indices of their targets, and the text with the places of their parts."""
    source = Source(lines_of(text))
    found: dict[str, Any] = {}
    indices: dict[str, str] = {}
    for line, statement in split(source):
        target, column, operator = _target(source, line, statement)
        name, index = lookup(target)
        if name in found:
            raise source.error(
                f"{name} is stated twice (first in line {source.places[name, '~'][0] + 1}); leave one out", line, column
            )
        source.places[name, "~"] = (line, column)
        if index is not None:
            source.places[name, "["] = (line, statement.index("[") + 1)
            indices[name] = index
        found[name] = _right_hand_side(source, line, statement, target, operator)
    return found, indices, source


def _target(source: Source, line: int, statement: str) -> tuple[str, int, str]:
    """What a statement is about, a name or a name with an index, its column, and the operator."""
    head = re.match(r"[^~=(\"']*", statement)[0]  # type: ignore[index]
    name, column = head.strip(), len(head) - len(head.lstrip())
    operator = statement[len(head) : len(head) + 1]
    if operator not in ("~", "="):
        raise source.error("found no '~'; a statement is written name ~ Normal(0, 1), say, one a line", line, column)
    if not name:
        raise source.error(f"the name in front of '{operator}' is missing; write x {operator} ...", line, len(head))
    if "[" in name and not all(part and part.isidentifier() for part in lookup(name)):
        raise source.error(
            f"'{name}': an index is one name, of a column or of an axis; write u[user] {operator} ...", line, column
        )
    if "[" not in name and not name.isidentifier():
        raise source.error(
            f"'{name}' is no name; names are ASCII letters, digits and _, with no digit first", line, column
        )
    return name, column, operator


def _right_hand_side(source: Source, line: int, statement: str, target: str, operator: str) -> Any:
    name, start = lookup(target)[0], statement.index(operator) + 1
    behind = statement[start:].lstrip(" \t")
    what, example = WRITTEN[operator]
    if not behind:
        raise source.error(f"nothing follows '{target} {operator}'; write a {what}, such as {example}", line, start)
    # A bracket in the first column lets the expression wrap, and keeps every column where it was.
    text = "(" + " " * (start - 1) + statement[start:] + "\n)"
    try:
        tree = ast.parse(text, mode="eval")
        found = Walk(source, line, len(statement) - len(behind)).value(tree.body, (name,))
    except SyntaxError as error:
        row, column = (error.lineno or 1) - 1, (error.offset or 1) - 1
        row = min(row, statement.count("\n"))
        message = f"this is no expression ({error.msg}); write one statement a line: name {operator} {example}, say"
        raise source.error(message, line + row, max(column, 0)) from None
    except (RecursionError, MemoryError):
        raise source.error("this expression is nested too deep; write it flat", line, start) from None
    if wrong := _wrong_operator(target, operator, found):
        raise source.error(wrong, line, len(statement) - len(behind))
    return found


def _wrong_operator(name: str, operator: str, found: Any) -> str | None:
    """What is wrong where a distribution follows '=', or a map '~'."""
    if operator == "=" and not isinstance(found, Map):
        if isinstance(found, Distribution):
            return f"{written(found)} is a distribution: a random variable is written {name} ~ {written(found)}"
        what = "a sum" if isinstance(found, Sum) else "no map"
        return f"{written(found)}: this is {what}; what follows '=' is one map, such as {WRITTEN['='][1]}"
    if operator == "~" and isinstance(found, Map):
        return f"{written(found)} is a map: a deterministic variable is written {name} = {written(found)}"
    return None


class Walk:
    """From the nodes of an expression to components, noting where each part stands."""

    def __init__(self, source: Source, line: int, start: int) -> None:
        self.source = source
        self.line = line
        self.start = start

    def value(self, node: ast.expr, at: tuple[str | int, ...]) -> Any:
        """What a node says; names and strings both come back as text."""
        self.source.places[at] = (self.line + node.lineno - 1, node.col_offset)
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)) if value is not True:
                return -value
            case ast.Name(id=name):
                return self.name(node, name)
            case ast.List(elts=items):
                return [self.value(item, (*at, position)) for position, item in enumerate(items)]
            case ast.BinOp(op=ast.Add()):
                return self.sum(node, at)
            case ast.Dict() if at[-1] == "pattern":
                return self.pattern(node, at)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Name(id=column)):
                return f"{self.name(node, name)}[{self.name(node.slice, column)}]"
            case ast.Call(func=ast.Name(id=name)):
                return self.call(node, name, at)
        raise self.refuse(node)

    def name(self, node: ast.expr, name: str) -> str:
        """The name of a variable."""
        if name in KINDS:
            raise self.error(f"{name} takes its arguments in brackets; write {name}(...)", node)
        return name

    def pattern(self, node: ast.Dict, at: tuple[str | int, ...]) -> dict[Any, Any]:
        """The features of each factor, by the factor: labels in quotes, or whole numbers."""
        found: dict[Any, Any] = {}
        for key, item in zip(node.keys, node.values, strict=True):
            if key is None:
                raise self.error("'**' is not part of the language; write the factors one by one", item)
            for label in (key, *(item.elts if isinstance(item, ast.List) else ())):
                if not isinstance(label, ast.Constant):
                    raise self.error(
                        f'a pattern holds labels; write {ast.unparse(label)} in quotes: "{ast.unparse(label)}"', label
                    )
            factor = self.value(key, (*at, "factor"))
            if factor in found:
                raise self.error(f"the pattern names the factor {ast.unparse(key)} twice; write it once", key)
            found[factor] = self.value(item, (*at, len(found)))
        return found

    def sum(self, node: ast.expr, at: tuple[str | int, ...]) -> Any:
        """The terms of a sum, flat."""
        terms = [self.term(term, (*at, position)) for position, term in enumerate(_flat(node))]
        return self.made(lambda: reduce(add, terms), at)

    def term(self, node: ast.expr, at: tuple[str | int, ...]) -> Any:
        """One term of a sum."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            raise self.error(f"a name is written without quotes: {node.value}", node)
        return self.value(node, at)

    def call(self, node: ast.Call, name: str, at: tuple[str | int, ...]) -> Component:
        """A component with its arguments."""
        kind = KINDS.get(name)
        if kind is None:
            raise self.unknown(node, name)
        arguments: dict[str, Any] = {}
        for field, argument in self.named(kind, node):
            if field in arguments:
                raise self.error(f"{name} got '{field}' twice; write it once", argument)
            self.quotes(kind, field, argument)
            arguments[field] = self.value(argument, (*at, field))
        return self.made(lambda: kind(**arguments), at)

    def named(self, kind: type[Component], node: ast.Call) -> list[tuple[str, ast.expr]]:
        """The arguments of a call, each with its field."""
        fields = list(kind.model_fields)
        if len(node.args) > len(fields):
            takes = f"at most {len(fields)} arguments ({', '.join(fields)})" if fields else "no arguments"
            raise self.error(f"{kind.__name__} takes {takes}; found {len(node.args)}", node.args[len(fields)])
        found = list(zip(fields, node.args, strict=False))
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.error("'**' is not part of the language; write the arguments one by one", keyword)
            if keyword.arg not in fields:
                raise self.error(unknown_argument(kind, keyword.arg), keyword)
            found.append((keyword.arg, keyword.value))
        return found

    def quotes(self, kind: type[Component], field: str, node: ast.expr) -> None:
        """Names stand bare, options in quotes."""
        place = f"{kind.__name__}({field}=...)"
        if field in kind.reads() and isinstance(node, ast.Constant) and isinstance(node.value, str):
            raise self.error(f"{place} takes a name, and a name is written without quotes: {node.value}", node)
        if field not in kind.reads() and isinstance(node, ast.Name) and node.id not in KINDS:
            raise self.error(
                f'{place} takes no variable; found {node.id}. A word for an option is in quotes: "{node.id}"', node
            )
        if field not in kind.reads() and isinstance(node, ast.Subscript):
            raise self.error(f"{place} takes no variable; found {ast.unparse(node)}. Leave it out", node)

    def made(self, make: Any, at: tuple[str | int, ...]) -> Any:
        """What is made of the arguments; a refusal points at the argument that it is about."""
        try:
            return make()
        except ModelError as error:
            raise self.source.located(error, below=at) from None

    def unknown(self, node: ast.expr, name: str) -> ModelError:
        """The refusal of a call of something that the language does not have."""
        close = nearest(name, KINDS)
        laws = [each for each, kind in KINDS.items() if issubclass(kind, Distribution)]
        rest = [each for each in KINDS if each not in laws]
        return self.error(
            f"{name} is not part of the language{f'; write {close}' if close else ''}. "
            f"Distributions: {', '.join(laws)}. Maps: {', '.join(rest)}",
            node,
        )

    def refuse(self, node: ast.expr) -> ModelError:
        """The refusal of a node that is not on the white list."""
        found = ast.unparse(node)
        found = found if len(found) <= 40 else found[:37] + "..."
        instead = INSTEAD.get(type(node), "leave the argument out, or write a number")
        return self.error(f"{found} is not allowed here; allowed are {ALLOWED}. Instead: {instead}", node)

    def error(self, message: str, node: ast.expr | ast.keyword) -> ModelError:
        """An error at a node."""
        # Only what the added bracket makes a tuple begins in front of the expression.
        column = node.col_offset if node.lineno > 1 else max(node.col_offset, self.start)
        return self.source.error(message, self.line + node.lineno - 1, column)


def _flat(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*_flat(left), *_flat(right)]
    return [node]
