"""The head of the program's file: imports, the class, its constructor."""

import re
from typing import Any

from latentprob.program import matrices, patterns
from latentprob.program.context import Context, is_matrix
from latentprob.program.layout import Lines, method, nested
from latentprob.program.networks import decoders, encoders, modules
from latentprob.program.processes import points
from latentprob.program.scope import Scope
from latentprob.spec import distributions as spec
from latentprob.spec.model import argument, terms

TRANSFORMS = ("PowerTransform", "SigmoidTransform", "StickBreakingTransform")
ROLES = {"sum": "summed out", "integrate": "integrated out", "draw": "drawn"}


def imports(context: Context, text: str) -> str:
    """The docstring of the file, and what its text needs."""
    title = f"A latent-variable model as a Pyro program; observed: {', '.join(context.names)}."
    lines = [f'"""{title}', "", *str(context.model).splitlines(), '"""', ""]
    lines += ["import math", ""] if "math." in text else []
    lines += ["import pyro", "import pyro.distributions as dist"]
    lines += ["import torch"] if re.search(r"(?<!\w)torch\.", text) else []
    lines += ["from pyro.infer.autoguide import AutoNormal"] if "AutoNormal" in text else []
    lines += ["from pyro.nn import PyroModule"]
    lines += ["from torch import nn"] if re.search(r"(?<![\w.])nn\.", text) else []
    lines += ["from torch.distributions import constraints"] if "constraints." in text else []
    names = [name for name in TRANSFORMS if name in text]
    lines += [f"from torch.distributions.transforms import {', '.join(names)}"] if names else []
    return "\n".join([*lines, ""])


def class_head(context: Context) -> list[str]:
    """The first lines of the class, with the sizes that the model knows."""
    parts = [f"{name} {ROLES[context.plan.role(name)]}" for name in context.plan.latents]
    embedded = f"Deterministic: {', '.join(context.model.embedded)}." if context.model.embedded else ""
    drawn = [name for name in context.model.factors if name not in context.points]
    parts += [f"{' and '.join(drawn)} drawn with the parameters"] if drawn else []
    said = f"Latent: {', '.join(parts)}." if parts else embedded or "No latent variable."
    names = (*context.model.factors, *context.plan.order)
    sizes = [f"    {name}_size = {known}" for name in names if (known := known_size(context, name))]
    return ["", "class Program(PyroModule):", f'    """{said}"""', "", *sizes, *([""] if sizes else [])]


def known_size(context: Context, name: str) -> int | None:
    """The length of a variable's axis where the model says it: of a latent, of the levels of a discrete variable."""
    law: Any = context.model.statements.get(name)
    level = context.model.is_level(name)
    if level and isinstance(law, spec.Bernoulli):
        return 2
    if law is None or (name in context.plan.observed and not level):
        return None
    return law.size or (None if name in context.plan.observed else 1)


def constructor(context: Context, body: str) -> list[str]:
    """The method __init__. body: the text of all other methods."""
    constants, scope = _constants(context), Scope(context.plan)
    buffers = _buffers(context, "\n".join([body, *constants, *points(context)]))
    handed = modules(context.plan)
    guide = ["parameter_guide=AutoNormal"] if context.frees else []
    lines: Lines = [
        (1, f"def __init__({', '.join(['self', *buffers, *handed, *guide])}):"),
        (2, "super().__init__()"),
        *[(2, f'self.register_buffer("{name}", {name})') for name in buffers],
        *[(2, line) for line in (*_sizes(context), *constants)],
        *[(2, f"self.{name} = {name}") for name in handed],
    ]
    lines += [(2, line) for line in points(context)]
    lines += [(2, line) for network in (*decoders(scope), *encoders(scope)) for line in network.lines()]
    lines += [(2, "self.parameter_guide = parameter_guide(self.priors)")] if guide else []
    return method(lines)


def _buffers(context: Context, text: str) -> list[str]:
    """Centres and spreads that the text reads; a centre also where it alone says a size."""
    found = []
    for name in context.names:
        read = f"self.{name}_center" in text or known_size(context, name) is None
        found += [f"{name}_center"] if read else []
        found += [f"{name}_spread"] if f"self.{name}_spread" in text else []
    return [*found, *(patterns.buffer(free) for free in context.frees if free.pattern)]


def _sizes(context: Context) -> list[str]:
    """The lines that read sizes off the centres."""
    lines = []
    for name in context.names:
        if isinstance(context.model.statements.get(name), spec.Categorical) and not context.model.is_level(name):
            lines.append(f"self.{name}_size, self.{name}_levels = {name}_center.shape")
        elif known_size(context, name) is None:
            lines.append(f"self.{name}_size = len({name}_center)")
    for factor in dict.fromkeys(context.model.factors.values()):
        if factor not in context.names:
            lines.append(f"self.{factor}_size = len({context.model.column_of(factor)}_center)")
    return lines


def _constants(context: Context) -> list[str]:
    """The lines that register known lists and matrices, and what the priors of matrices need."""
    lines, anchor = [], context.anchor.removeprefix("self.")
    for name, law in context.model.statements.items():
        for which in law.parameters:
            for value in terms(argument(context.model, name, which)):
                if isinstance(value, tuple):
                    lines.append(f'self.register_buffer("{name}_{which}", {anchor}.new_tensor({nested(value)}))')
    for free in context.frees:
        lines += matrices.constant_lines(context, free) if is_matrix(free) else []
        lines += [patterns.constant_line(free)] if free.pattern else []
    return lines
