"""The text of functions that a program carries along: their source as it stands in the package, without type hints."""

import ast
import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from latentprob.program.layout import INDENT, laid_out


@cache
def carried(*parts: Callable[..., Any]) -> str:
    """Functions and classes, one behind the other, as program text."""
    return "\n\n".join(["", *(_plain(inspect.getsource(part)) for part in parts)]).removeprefix("\n")


def _plain(source: str) -> str:
    """Source without the hints of its signatures."""
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for node in sorted(functions, key=lambda each: -each.lineno):
        for each in ast.walk(node.args):
            if isinstance(each, ast.arg):
                each.annotation = None
        header = f"def {node.name}({ast.unparse(node.args)}):"
        lines[node.lineno - 1 : node.body[0].lineno - 1] = laid_out(header, node.col_offset // len(INDENT))
    return "\n".join([*lines, ""])
