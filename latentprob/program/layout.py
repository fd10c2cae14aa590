"""Lines of program text as `ruff format` leaves them."""

import re

WIDTH = 88
INDENT = "    "
OPEN, CLOSE = "([{", ")]}"


def laid_out(line: str, depth: int) -> list[str]:
    """One logical line, wrapped where it is longer than WIDTH: in brackets, and call chains before their dots."""
    whole = INDENT * depth + line
    if len(whole) <= WIDTH or line.startswith(("#", '"""')):
        return [whole]
    if names := re.fullmatch(r"(return )?(\w+(?:, \w+)+)( = (?:self\.priors\(\)|parameters))?", line):
        return laid_out(f"{names[1] or ''}({names[2]}){names[3] or ''}", depth)
    if packed := re.fullmatch(r"(?:return )?\((\w+(?:, \w+)+)\)( = .+)?", line):
        inside = [INDENT * (depth + 1) + f"{name}," for name in packed[1].split(", ")]
        return [INDENT * depth + line[: line.index("(") + 1], *inside, INDENT * depth + ")" + (packed[2] or "")]
    target, value = _assignment(line)
    links = _links(value)
    if target and len(links) > 2 and len(INDENT * (depth + 1) + value) <= WIDTH:
        return [f"{INDENT * depth}{target}(", INDENT * (depth + 1) + value, f"{INDENT * depth})"]
    if target and len(links) > 2:
        return [f"{INDENT * depth}{target}(", *_chain(links, depth + 1), f"{INDENT * depth})"]
    return _bracketed(line, depth)


def _bracketed(line: str, depth: int) -> list[str]:
    opening = _opening(line, depth)
    if opening is None:
        return [INDENT * depth + line]
    closing = _closing(line, opening)
    head, body, tail = line[: opening + 1], line[opening + 1 : closing], line[closing:]
    first, last = INDENT * depth + head, INDENT * depth + tail
    inner = INDENT * (depth + 1) + body
    if len(inner) <= WIDTH:
        return [first, inner, last]
    return [first, *[out for part in _split(body) for out in _part(part + ",", depth + 1)], last]


def _part(part: str, depth: int) -> list[str]:
    """One argument on lines of its own."""
    whole = INDENT * depth + part
    links = _links(part)
    if len(whole) <= WIDTH:
        return [whole]
    return _chain(links, depth) if len(links) > 2 else _bracketed(part, depth)


def _chain(links: list[str], depth: int) -> list[str]:
    return [out for link in links for out in _part_of_chain(link, depth)]


def _part_of_chain(link: str, depth: int) -> list[str]:
    whole = INDENT * depth + link
    return [whole] if len(whole) <= WIDTH else _bracketed(link, depth)


def _assignment(line: str) -> tuple[str, str]:
    found = re.match(r"[\w, ]+ = ", line)
    return (found.group(), line[found.end() :]) if found else ("", line)


def _links(text: str) -> list[str]:
    """A call chain cut before the dots behind its first call; one piece where it is none."""
    cuts, depth, called = [0], 0, False
    for at, char in enumerate(text):
        if depth == 0 and char == " ":
            return [text]
        if depth == 0 and char == "." and called:
            cuts.append(at)
        depth += (char in OPEN) - (char in CLOSE)
        called = called or char == "("
    return [text[a:b] for a, b in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def _opening(line: str, depth: int) -> int | None:
    """Where the brackets open in which the line is split: the last ones whose head fits."""
    end = len(line.rstrip(":,")) - 1
    if line[end] not in CLOSE:
        return None
    at = _matching(line, end)
    links = _links(_assignment(line)[1])
    if len(links) == 2 and len(INDENT * depth + line[: at + 1]) > WIDTH:
        return _matching(line, line.rindex(links[1]) - 1)
    return at


def _matching(line: str, end: int) -> int:
    depth = 0
    for at in range(end, -1, -1):
        depth += (line[at] in CLOSE) - (line[at] in OPEN)
        if depth == 0:
            return at
    raise RuntimeError(f"unbalanced brackets in {line!r}")


def _closing(line: str, opening: int) -> int:
    depth = 0
    for at in range(opening, len(line)):
        depth += (line[at] in OPEN) - (line[at] in CLOSE)
        if depth == 0:
            return at
    raise RuntimeError(f"unbalanced brackets in {line!r}")


def _split(body: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, char in enumerate(body):
        depth += (char in OPEN) - (char in CLOSE)
        if char == "," and depth == 0:
            parts.append(body[start:at].strip())
            start = at + 1
    return [part for part in (*parts, body[start:].strip()) if part]
