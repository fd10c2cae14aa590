"""The text of a model: its statements, and where in it each thing stands."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from latentprob.errors import FileError, ModelError

TOKEN = re.compile(r"""#[^\n]*|"[^"\n]*"|'[^'\n]*'|[()\[\]{}~\n\\"']|[^\t\n\x20-\x7e]""")
CLOSES = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Source:
    """The lines of a text and the places of its parts.

    places: from the way to a part to its line and column, from 0: ("x", "~") is the name in front, ("x",) the law,
        ("x", "loc", 0, "prior") the prior of the first term of its loc.
    """

    lines: tuple[str, ...]
    places: dict[tuple[str | int, ...], tuple[int, int]] = field(default_factory=dict)

    def error(self, message: str, line: int, column: int) -> ModelError:
        """An error that quotes the line and has a caret under the column; both from 0."""
        quoted = self.lines[line].rstrip()
        caret = re.sub(r"[^\t]", " ", quoted[:column]).ljust(column) + "^"
        place = f"line {line + 1}, column {column + 1}"
        return ModelError(f"{place}: {message}\n    {quoted}\n    {caret}", line=line + 1, column=column + 1)

    def located(self, error: ModelError, *, below: Sequence[str | int] = ()) -> ModelError:
        """The error at the place of what it is about, or of the nearest part around that."""
        if error.line is not None:
            return error
        at = (*below, *error.at)
        while at and at not in self.places:
            at = at[:-1]
        return self.error(str(error), *self.places.get(at, (0, 0)))


def read_text(path: str | Path) -> str:
    """The text of a file."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file; give the path of a model's text") from None
    except IsADirectoryError:
        raise FileError(f"{path} is a folder; give the path of a model's text") from None
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path} is not text (byte {error.start} is not UTF-8); a model is a short text of statements"
        ) from None
    if "\0" in text:
        raise FileError(f"{path} is not text (it holds zero bytes); a model is a short text of statements")
    return text


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of a text, whatever ends them."""
    return tuple(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def split(source: Source) -> Iterator[tuple[int, str]]:
    """Number of the first line, and text without comments, of each statement; columns stay as they are."""
    text = "\n".join(source.lines)
    bare, start, depth = text, 0, Brackets(source, text)
    for token in TOKEN.finditer(text):
        if token[0].startswith("#"):
            bare = bare[: token.start()] + " " * len(token[0]) + bare[token.end() :]
        elif token[0] != "\n":
            depth.take(token[0], token.start())
        elif not depth.open:
            yield from _statement(bare, start, token.start())
            start = token.end()
    depth.end()
    yield from _statement(bare, start, len(bare))


def _statement(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    if text[start:end].strip():
        yield text.count("\n", 0, start), text[start:end].rstrip()


class Brackets:
    """Open brackets on the way through a text."""

    def __init__(self, source: Source, text: str) -> None:
        self.source = source
        self.text = text
        self.open: list[tuple[str, int]] = []

    def take(self, token: str, offset: int) -> None:
        """Opens or closes a bracket; refuses what cannot stand in a text."""
        if token in "([{":
            self.open.append((token, offset))
        elif token in CLOSES:
            if not self.open or self.open[-1][0] != CLOSES[token]:
                raise self.error(
                    f"'{token}' closes nothing; leave it out, or write the '{CLOSES[token]}' before it", offset
                )
            self.open.pop()
        elif token == "~":
            self.end()
        elif token in "\"'":
            raise self.error(f"the string is not closed; write {token} at its end, on the same line", offset)
        elif len(token) == 1:
            raise self.error(f"{token!r} is not allowed; names and strings are ASCII letters, digits and _", offset)

    def end(self) -> None:
        """Refuses a bracket that is still open at the end of a statement."""
        if self.open:
            bracket, offset = self.open[-1]
            raise self.error(f"'{bracket}' is never closed; write its other half", offset)

    def error(self, message: str, offset: int) -> ModelError:
        """An error at an offset of the text."""
        line = self.text.count("\n", 0, offset)
        return self.source.error(message, line, offset - (self.text.rfind("\n", 0, offset) + 1))
