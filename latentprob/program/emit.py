"""The program's text: one method after another, from the functions that mirror spec/."""

import re
from typing import Any

from latentprob.program import beliefs, chains, levels, matrices, patterns, processes, products, states, wholes
from latentprob.program.context import Context, is_matrix, tuple_text
from latentprob.program.densities import belief_method, belief_methods, joint_method, marginal_method, model_method
from latentprob.program.guides import guide_methods
from latentprob.program.head import class_head, constructor, imports
from latentprob.program.layout import Lines, method
from latentprob.program.plan import Plan
from latentprob.program.priors import prior_lines, sorted_frees
from latentprob.spec.distributions import MultivariateNormal
from latentprob.spec.sites import Free

# Functions that a program carries along, by name.
CARRIED = {
    "inverse_wishart_tril": matrices.INVERSE_WISHART,
    "normal_log_prob": products.NORMAL,
    "seen_normal_log_prob": products.SEEN_NORMAL,
    "multivariate_normal_log_prob": products.MULTIVARIATE_NORMAL,
    "seen_normal": matrices.SEEN_NORMAL,
    "seen_precision": beliefs.SEEN_PRECISION,
    "process_features": processes.FEATURES,
    **chains.CARRIED,
    **states.CARRIED,
    "patterned": patterns.PATTERNED,
    "Counts": wholes.COUNTS,
}


def source(plan: Plan) -> str:
    """The whole file."""
    context = Context(plan)
    body = [*_priors(context), *model_method(context), *belief_methods(context), *joint_method(context)]
    body += [*marginal_method(context), *guide_methods(context), *belief_method(context)]
    text = "\n".join([*class_head(context), *constructor(context, "\n".join(body)), *body])
    everything = text
    for name, function in reversed(CARRIED.items()):  # what a carried function calls stands in front of it
        called = re.search(rf"(?<![\w.]){name}\(", everything)
        everything = f"{function}\n{everything}" if called else everything
    return f"{imports(context, everything)}\n{everything.rstrip()}\n"


def _priors(context: Context) -> list[str]:
    """The method `priors`."""
    if not context.parameters:
        return []
    lines: Lines = [(1, "def priors(self):"), (2, '"""Draw every parameter."""')]
    composed: set[str] = set()
    for free in sorted_frees(context):
        if free.parameter == "loc" and free.variable not in composed:
            lines += [(2, line) for line in _composed(context, free.variable)]
            composed.add(free.variable)
        lines += [(2, line) for line in _drawn(context, free)]
    rest = (name for name in context.model if name not in composed)
    lines += [(2, line) for name in rest for line in _composed(context, name)]
    return method([*lines, (2, f"return {tuple_text(context.parameters)}")])


def _drawn(context: Context, free: Free) -> list[str]:
    if free.pattern is not None:
        return patterns.pattern_lines(context, free)
    if free.part == "levels":
        return levels.level_lines(context, free)
    return matrices.matrix_lines(context, free) if is_matrix(free) else prior_lines(context, free)


def _composed(context: Context, name: str) -> list[str]:
    """The line that makes a Cholesky factor that is no site: of a known covariance, or of scales and a correlation."""
    law: Any = context.model[name]
    return matrices.composed_lines(context, name) if isinstance(law, MultivariateNormal) else []
