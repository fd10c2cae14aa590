"""Rows whose gaps lie where the fitted rows had none, such as rows that lack a whole block."""

from dataclasses import replace

import torch

from latentprob.data import Values
from latentprob.errors import NotAvailable
from latentprob.posterior.gap import alone
from latentprob.posterior.result import Result, restored
from latentprob.program import compile


def for_rows(result: Result, values: Values) -> Result:
    """The result with a program for rows whose gaps lie in variables that had none when it was fitted.

    The encoder was fitted to rows without these gaps: in its place, each row's belief is fitted by itself.
    """
    program = result.program
    if set(values.schema.missing) <= set(program.missing):
        return result
    if result.draws.latents or program.layout.residuals:
        raise NotAvailable(
            f"gaps in {', '.join(values.schema.missing)}, where the fitted rows have none: nothing gives the belief of "
            f"{', '.join(result.drawn)} in such rows; fill the cells, or fit to data with gaps"
        )
    missing = tuple(dict.fromkeys((*program.missing, *values.schema.missing)))
    wider = compile(result.model, program.observed, missing, collapse=program.collapse)
    own = {name: getattr(result.module, name) for name in wider.modules}
    encoders = tuple(f"{name}_encoder." for name in program.layout.draw)
    state = {n: value for n, value in result.module.state_dict().items() if not n.startswith(encoders)}
    with torch.random.fork_rng(devices=[]):  # the new encoder is made, and stays unused
        module = restored(wider, result.statistics, state, own, result.device)
    found = replace(result, program=wider, module=module, refined={})
    return replace(found, values=values, refined=alone(replace(found, values=values))) if encoders else found
