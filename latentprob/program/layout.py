"""Lines of program text as `ruff format` leaves them."""

import re
from itertools import pairwise
from typing import Any

WIDTH = 88
INDENT = "    "
OPEN, CLOSE = "([{", ")]}"

Lines = list[tuple[int, str]]  # logical lines with their depth


def method(lines: Lines) -> list[str]:
    """The text of one method, a blank line behind it."""
    return [*(out for depth, line in lines for out in laid_out(line, depth)), ""]


def nested(value: Any) -> str:
    """The text of a number, or of lists of them."""
    return f"[{', '.join(nested(v) for v in value)}]" if isinstance(value, tuple) else repr(float(value))


def laid_out(line: str, depth: int) -> list[str]:
    """One logical line, wrapped where it is longer than WIDTH: in brackets, at operators, before a chain's dots."""
    if fits(line, depth) or line.startswith(("#", '"""')):
        return [INDENT * depth + line if line else ""]
    if names := re.fullmatch(r"(return )?(\w+(?:, \w+)+)( = (?:self\.priors\(\)|parameters))?", line):
        return laid_out(f"{names[1] or ''}({names[2]}){names[3] or ''}", depth)
    if packed := re.fullmatch(r"(?:return )?\((\w+(?:, \w+)+)\)( = .+)?", line):
        inside = [INDENT * (depth + 1) + f"{name}," for name in packed[1].split(", ")]
        return [INDENT * depth + line[: line.index("(") + 1], *inside, INDENT * depth + ")" + (packed[2] or "")]
    target, value = _assignment(line)
    if steps := _steps(target.removesuffix(" = "), _operands(value)):
        return [out for step in steps for out in laid_out(step, depth)]
    if target and not fits(f"{target}(", depth):
        parts = [INDENT * (depth + 1) + f"{name}," for name in target.removesuffix(" = ").split(", ")]
        return [INDENT * depth + "(", *parts, *_bracketed(f") = {value}", depth)]
    if target and _needs_brackets(line, value, depth):
        return [f"{INDENT * depth}{target}(", *_inside(value, depth + 1), f"{INDENT * depth})"]
    return _bracketed(line, depth)


def fits(line: str, depth: int) -> bool:
    """Whether a line is short enough."""
    return len(INDENT * depth + line) <= WIDTH


def _steps(target: str, operands: list[str]) -> list[str]:
    """Two statements for one that is too long, of two operands."""
    if len(operands) != 2 or not target.isidentifier() or operands[0] == target:
        return []
    if re.search(rf"\b{target}\b", operands[1]):
        return []
    return [f"{target} = {operands[0]}", f"{target} = {target} {operands[1]}"]


def _needs_brackets(line: str, value: str, depth: int) -> bool:
    """Whether a value is put in brackets: a chain, several operators, or no bracket of its own to split in."""
    opening = _opening(line, depth)
    return max(len(_links(value)), len(_operands(value))) > 2 or opening is None or not fits(line[: opening + 1], depth)


def _bracketed(line: str, depth: int) -> list[str]:
    opening = _opening(line, depth)
    if opening is None:
        return [INDENT * depth + line]
    closing = _closing(line, opening)
    head, body, tail = line[: opening + 1], line[opening + 1 : closing], line[closing:]
    first, last = INDENT * depth + head, INDENT * depth + tail
    parts = _split(body)
    if fits(body, depth + 1):
        return [first, INDENT * (depth + 1) + body, last]
    if len(parts) == 1 and not body.startswith("*"):
        call = re.search(r"[\w\])]\($", head) is not None
        return [first, *_inside(body, depth + 1, "," if "=" not in body and call else ""), last]
    return [first, *[out for part in parts for out in _inside(part, depth + 1, ",")], last]


def _inside(part: str, depth: int, end: str = "") -> list[str]:
    """An expression on lines of its own, inside brackets."""
    if fits(part + end, depth):
        return [INDENT * depth + part + end]
    operands, links = _operands(part), _links(part)
    if len(operands) > 1:
        *most, last = [out for operand in operands for out in _piece(operand, depth)]
        return [*most, last + end]
    if len(links) > 2:
        *most, last = [out for link in links for out in _piece(link, depth)]
        return [*most, last + end]
    return _bracketed(part + end, depth)


def _piece(text: str, depth: int) -> list[str]:
    """One operand of a sum, or one link of a chain."""
    sign, rest = (text[:2], text[2:]) if text[1:2] == " " else ("", text)
    factors = _operands(rest)
    if fits(text, depth) or len(factors) == 1:
        return [INDENT * depth + text] if fits(text, depth) else _bracketed(text, depth)
    return [out for factor in (sign + factors[0], *factors[1:]) for out in _piece(factor, depth)]


def _operands(text: str) -> list[str]:
    """A sum cut before its operators, or a product where it is no sum."""
    for operators in ((" + ", " - "), (" * ", " / ", " @ ")):
        cuts = [0, *(at + 1 for at, depth in _levels(text) if depth == 0 and text[at : at + 3] in operators)]
        if len(cuts) > 1:
            return [text[a:b].strip() for a, b in pairwise([*cuts, len(text)])]
    return [text]


def _levels(text: str) -> list[tuple[int, int]]:
    """Each place outside of strings, and how many brackets are open behind it."""
    found, depth, quoted = [], 0, False
    for at, char in enumerate(text):
        quoted ^= char == '"'
        if not quoted:
            depth += (char in OPEN) - (char in CLOSE)
            found.append((at, depth))
    return found


def _assignment(line: str) -> tuple[str, str]:
    found = re.match(r"[\w., ]+ = |return ", line)
    return (found.group(), line[found.end() :]) if found else ("", line)


def _links(text: str) -> list[str]:
    """A call chain cut before the dots behind its first call; one piece where it is none."""
    places = _levels(text)
    if any(depth == 0 and text[at] == " " for at, depth in places):
        return [text]
    first = text.find("(")
    cuts = [0, *(at for at, depth in places if depth == 0 and text[at] == "." and 0 <= first < at)]
    return [text[a:b] for a, b in pairwise([*cuts, len(text)])]


def _opening(line: str, depth: int) -> int | None:
    """Where the brackets open in which the line is split: the last ones, or of a chain the first whose head fits."""
    end = len(line.rstrip(":,")) - 1
    if line[end] not in CLOSE:
        return None
    at = _matching(line, end)
    links = _links(_assignment(line)[1])
    if len(links) == 2 and not fits(line[: at + 1], depth):
        return _matching(line, line.rindex(links[1]) - 1)
    return at


def _matching(line: str, end: int) -> int:
    """Where the brackets open that close at `end`."""
    places = dict(_levels(line))
    return next(at for at in reversed(places) if at < end and line[at] in OPEN and places[at] == places[end] + 1)


def _closing(line: str, opening: int) -> int:
    """Where the brackets close that open at `opening`."""
    places = dict(_levels(line))
    return next(at for at, depth in places.items() if at > opening and depth < places[opening])


def _split(body: str) -> list[str]:
    """The arguments of a call."""
    cuts = [-1, *(at for at, depth in _levels(body) if depth == 0 and body[at] == ","), len(body)]
    return [part for a, b in pairwise(cuts) if (part := body[a + 1 : b].strip())]
