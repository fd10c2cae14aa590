"""The priors: draws of them, and their text with numbers."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pyro import poutine

from latentprob.errors import NotAvailable
from latentprob.posterior.beliefs import noise
from latentprob.posterior.matching import Array
from latentprob.program import Program, evaluate
from latentprob.spec.sites import free_parameters

IMPROPER = "ImproperUniform"
SHAPING = ("expand", "to_event", "flatten")
FILLED: Mapping[str, Callable[[ast.Call], ast.expr]] = {
    "new_zeros": lambda call: ast.Constant(0),
    "new_ones": lambda call: ast.Constant(1),
    "new_full": lambda call: call.args[1],
    "new_tensor": lambda call: call.args[0],
}
NUMBERS_SHOWN = 6


def prior_draws(program: Program, module: Any, size: int, seed: int, device: str) -> dict[str, Array]:
    """Draws (size, ...) of every parameter, and of what follows from them."""
    points = [name for name, text in laws(program) if IMPROPER in text]
    if points:
        raise NotAvailable(
            f"draws of the prior: {points[0]} is a point estimate and has none; give it a prior, "
            "or take the model as it was before model.point()"
        )
    if not program.site_axes:
        return {}
    with noise(seed, device), evaluate.quiet():
        traces = [poutine.trace(module.priors).get_trace() for _ in range(size)]
    names = [name for name, site in traces[0].nodes.items() if site["type"] == "sample"]
    return {n: np.stack([t.nodes[n]["value"].double().cpu().numpy() for t in traces]) for n in names}


def prior_table(program: Program, statistics: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The law of every parameter as the program draws it, with the numbers of the data that it stands on."""
    rows = []
    for name, text in laws(program):
        used = [buffer for buffer in program.buffers if re.search(rf"\b{buffer}\b", text)]
        numbers = ", ".join(f"{buffer} = {_shown(statistics[buffer])}" for buffer in used)
        rows.append((name, "none: a point estimate" if IMPROPER in text else text, numbers))
    made = {
        free.name: [s for s in program.site_axes if s.startswith(f"{free.name}_")]
        for free in free_parameters(program.model)
    }
    drawn = {name for name, _, _ in rows}
    rows += [(name, f"made of {', '.join(parts)}", "") for name, parts in made.items() if parts and name not in drawn]
    return pd.DataFrame(rows, columns=["parameter", "prior", "numbers"]).set_index("parameter")


def _shown(values: np.ndarray) -> str:
    flat = [f"{value:.4g}" for value in np.ravel(values)]
    more = ", ..." if len(flat) > NUMBERS_SHOWN else ""
    return f"[{', '.join(flat[:NUMBERS_SHOWN])}{more}]"


def laws(program: Program) -> Iterator[tuple[str, str]]:
    """Name and law of every parameter's site, read off the program's text, shapes left out."""
    for method in ast.walk(ast.parse(program.source)):
        if isinstance(method, ast.FunctionDef) and method.name == "priors":
            yield from _read(method)


def _read(method: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Sites in their order; what a local name stands for takes its place, unless it is a parameter."""
    returned = {node.id for node in ast.walk(method.body[-1]) if isinstance(node, ast.Name)}
    local: dict[str, ast.expr] = {}
    for line in method.body:
        if not isinstance(line, ast.Assign) or not isinstance(line.targets[0], ast.Name):
            continue
        if isinstance(line.value, ast.Call) and ast.unparse(line.value.func) == "pyro.sample":
            law = _Plain(local).visit(line.value.args[1])
            yield ast.literal_eval(line.value.args[0]), ast.unparse(law)
        elif line.targets[0].id not in returned:
            local[line.targets[0].id] = _Plain(local).visit(line.value)


class _Plain(ast.NodeTransformer):
    """Program text as a person writes a law: without shapes, `self` and `dist`."""

    def __init__(self, local: Mapping[str, ast.expr]) -> None:
        self.local = local

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.local.get(node.id, node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "dist"):
            return ast.Name(node.attr)
        return ast.Attribute(self.visit(node.value), node.attr)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        picked = isinstance(node.slice, ast.Attribute) and node.slice.attr.endswith("_places")
        return self.visit(node.value) if picked else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if method == "cumsum":  # of ones: Bartlett's degrees of freedom count the features
            return ast.Name("[1, 2, ...]")
        if method in FILLED:
            return FILLED[method](node)
        if method in SHAPING and isinstance(node.func, ast.Attribute):
            return self.visit(node.func.value)
        return self.generic_visit(node)
