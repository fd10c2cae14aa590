"""Maximum likelihood where no parameter has a prior: L-BFGS on all rows, the best of the starts."""

import numpy as np
import torch
from torch import Tensor

from latentprob.inference.capture import Density, value_and_gradient
from latentprob.inference.draws import at_vectors
from latentprob.inference.optimize import Mode, maximize
from latentprob.inference.problem import Attrs, Draws, Problem
from latentprob.inference.progress import Progress
from latentprob.inference.restarts import best
from latentprob.inference.spikes import spikes

TOLERANCE = 1e-13  # relative gain at which it stops: the log-likelihood is then right to far below 0.01
BINDS = 1e-3  # a value within this part of its bound has run into it
SAME = 1e-2  # nats: starts that close reached the same optimum


def run(problem: Problem, density: Density, starts: list[dict[str, Tensor]], progress: bool | None) -> Draws:
    """The best optimum as one draw of one chain; scores of all starts."""
    batch, weights = problem.arguments()
    evaluate = value_and_gradient(density, batch, weights)
    found: list[Mode] = []
    with Progress(len(starts), "maximum likelihood", progress) as bar:
        for start in starts:
            found.append(maximize(evaluate, density.space.join(start), TOLERANCE))
            bar.bound(len(found), np.array([[mode.value for mode in found]]))
    score = np.array([mode.value for mode in found])
    vectors = torch.stack([mode.vector for mode in found])
    ends = at_vectors(density, vectors)
    bound_by = [
        [
            *binding(density, vector),
            *spikes(problem.program.model, problem.buffers, {name: value[i : i + 1] for name, value in ends.items()}),
        ]
        for i, vector in enumerate(vectors)
    ]
    free = np.array([not names for names in bound_by])
    chosen = best(score, free if free.any() else np.isfinite(score))
    stats = {"score": score, "kept": np.arange(len(score)) == chosen}
    attrs: Attrs = {
        "method": "point",
        "settled": found[chosen].settled,
        "steps": found[chosen].steps,
        "bound": float(score[chosen]),
        "agree": int((score > score[chosen] - SAME).sum()),
        "floor_binds": ", ".join(dict.fromkeys(bound_by[chosen])),
        "at_floor": int((~free).sum()),
    }
    state = {name: value.detach() for name, value in density.program.state_dict().items()}
    return Draws({name: value[None, chosen : chosen + 1] for name, value in ends.items()}, {}, state, stats, attrs)


def binding(density: Density, vector: Tensor) -> list[str]:
    """The sites of which a value has run into a bound that keeps it off a spike."""
    values, _ = density.space.split(vector)
    return [part.name for part in density.space.parts if _at_bound(values[part.name], *part.bounds)]


def _at_bound(value: Tensor, lower: Tensor, upper: Tensor) -> bool:
    low = (lower > 0) & (value <= lower * (1 + BINDS))
    return bool((low | (value >= upper * (1 - BINDS))).any())
