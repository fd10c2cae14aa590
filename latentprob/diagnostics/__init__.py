"""What can be believed of a fit: findings over datasets and arrays, and a verdict.

`diagnose` needs, by keyword:

    posterior     Dataset over (chain, draw, ...) of the global parameters, aligned; a chain is a kept restart
    sample_stats  Dataset with what the method recorded, all optional:
                  "bound" (restart, step), NaN behind the end, nats; "score" and "kept" (restart,);
                  "log_p", "log_q" (chain, draw), densities under the model and the guide, nats;
                  "diverging" and "energy" (chain, draw)
    latents       name -> Dataset of the belief: "probs" (row, level), or "loc" and "scale" (row[, dim])
    pareto_k      (N,) Pareto k of the marginal leave-one-out estimate; None where there is none
    attrs         what is known of the run: "method" ("natural_gradient", "svi", "nuts", "point", "condition"),
                  "settled", "steps", "refined" and "pareto_k" of the guide, "spikes"; of a point estimate "agree" (how
                  many restarts met the best optimum), "at_floor" and "floor_binds"; what is missing is not judged

A check that has nothing to judge gives no finding. ArviZ computes what ArviZ knows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from latentprob.diagnostics.collapse import collapse
from latentprob.diagnostics.convergence import convergence
from latentprob.diagnostics.findings import Diagnosis, Finding
from latentprob.diagnostics.reliability import reliability

__all__ = ["Diagnosis", "Finding", "diagnose"]


def diagnose(
    *,
    posterior: xr.Dataset,
    sample_stats: xr.Dataset,
    latents: Mapping[str, xr.Dataset],
    pareto_k: np.ndarray | None,
    attrs: Mapping[str, Any],
) -> Diagnosis:
    """The first diagnosis: did the fit end well, is something collapsed, how far can its numbers be trusted."""
    return Diagnosis(
        (
            *convergence(posterior, sample_stats, attrs),
            *collapse(latents, attrs),
            *reliability(posterior, sample_stats, pareto_k, attrs),
        )
    )
