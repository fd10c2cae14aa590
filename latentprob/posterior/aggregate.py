"""The latents of all rows together beside the prior that the fitted model gives them, and what each dim tells."""

import numpy as np
import xarray as xr

from latentprob.inference.problem import Draws
from latentprob.posterior.align import align
from latentprob.posterior.latent import sample_latent
from latentprob.posterior.matching import Array
from latentprob.posterior.result import Result
from latentprob.posterior.rows import at_rows, sampled_rows, with_draws
from latentprob.posterior.simulate import replicate
from latentprob.spec.distributions import Normal
from latentprob.spec.model import argument

ROWS = 500  # of the sample, whose kernel matrix is 1,000 x 1,000
ALIGNED_DRAWS = 1_000  # of all chains, that are aligned once more
MOVED = 0.1  # of a draw's norm: what rounding and the varimax tolerance do not move


def sampled_aggregate(result: Result, name: str, seed: int) -> tuple[Array, Array]:
    """Draws of a continuous latent, one a row, (N, Z): from the beliefs, and from the prior given the parameters."""
    some = at_rows(result, sampled_rows(result, ROWS, seed))
    believed = sample_latent(some, name, 1, some.values, seed).values[0]
    place = np.random.default_rng(seed).choice(int(np.prod(some.shape)), 1, replace=False)  # as sample_latent draws it
    rows = np.arange(len(some.values.rows))
    drawn = replicate(some, place, rows, np.random.default_rng(seed + 1))[name][0]
    return believed.reshape(len(rows), -1), drawn.reshape(len(rows), -1)


def prior_moments(result: Result, name: str) -> tuple[float, float] | None:
    """Location and scale of a latent's prior where they are numbers."""
    law = result.model[name]
    if not isinstance(law, Normal):
        return None
    known = {p: argument(result.model, name, p) for p in law.parameters}
    numbers = {p: float(v) for p, v in known.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    powers = {"scale": 1.0, "variance": 0.5, "precision": -0.5}
    scales = [numbers[p] ** power for p, power in powers.items() if p in numbers]
    return (numbers["loc"], scales[0]) if "loc" in numbers and scales else None


def kl_by_dim(belief: xr.Dataset, prior: tuple[float, float]) -> xr.DataArray:
    """KL(belief || prior) of each dim, averaged over the rows, nats: of normal laws, dim by dim."""
    loc, scale = (belief["loc"] - prior[0]) / prior[1], belief["scale"] / prior[1]
    found = 0.5 * (scale**2 + loc**2 - 1) - np.log(scale)
    return found.mean(str(found.dims[0])).rename("kl")


def moved(result: Result) -> dict[str, float]:
    """Share of the draws in which levels or dims of a latent stand at other places than in the rest, by latent.

    Draws are aligned once more: those that were aligned stay where they are.
    """
    draws, axes = with_draws(result, ALIGNED_DRAWS).draws, dict(result.program.site_axes)
    again = align(result.program, draws, result.values.schema).draws
    named = {n: [s for s in draws.parameters if n in axes.get(s, ())] for n in result.program.plan}
    # What lies along a latent alone tells whose places changed.
    alone = {n: [s for s in sites if sum(a in named for a in axes[s]) == 1] or sites for n, sites in named.items()}
    return {n: _moved_share(draws, again, sites) for n, sites in alone.items() if sites and "aligned" in again.attrs}


def _moved_share(before: Draws, after: Draws, names: list[str]) -> float:
    far = [_distance(before.parameters[n], after.parameters[n]) > MOVED for n in names]
    return float(np.any(far, axis=0).mean())


def _distance(before: Array, after: Array) -> Array:
    """Distance of two arrays of draws by the norm of the first, (chain, draw)."""
    axes = tuple(range(2, before.ndim))
    size = np.sqrt((before**2).sum(axes))
    return np.divide(np.sqrt(((after - before) ** 2).sum(axes)), size, out=np.zeros_like(size), where=size > 0)
