"""The priors: draws of them, and their text with numbers."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pyro import poutine

from latentprob.errors import NotAvailable
from latentprob.posterior.beliefs import noise
from latentprob.posterior.matching import Array
from latentprob.program import Program, evaluate

IMPROPER = "ImproperUniform"
SHAPING = ("expand", "to_event")
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
    return pd.DataFrame(rows, columns=["parameter", "prior", "numbers"]).set_index("parameter")


def _shown(values: np.ndarray) -> str:
    flat = [f"{value:.4g}" for value in np.ravel(values)]
    more = ", ..." if len(flat) > NUMBERS_SHOWN else ""
    return f"[{', '.join(flat[:NUMBERS_SHOWN])}{more}]"


def laws(program: Program) -> Iterator[tuple[str, str]]:
    """Name and law of every parameter's site, read off the program's text, shapes left out."""
    for method in ast.walk(ast.parse(program.source)):
        if isinstance(method, ast.FunctionDef) and method.name == "priors":
            calls = (node for node in ast.walk(method) if isinstance(node, ast.Call))
            for call in calls:
                if ast.unparse(call.func) == "pyro.sample":
                    yield ast.literal_eval(call.args[0]), _unshaped(call.args[1])


def _unshaped(law: ast.expr) -> str:
    while isinstance(law, ast.Call) and isinstance(law.func, ast.Attribute) and law.func.attr in SHAPING:
        law = law.func.value
    return ast.unparse(law).replace("dist.", "").replace("self.", "")
