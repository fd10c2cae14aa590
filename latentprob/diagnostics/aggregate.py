"""The latents of all rows against their prior: what the fitted model would draw is not what it believes of the data."""

import numpy as np
import xarray as xr
from scipy.spatial.distance import pdist, squareform

from latentprob.diagnostics.findings import LATENTS, Finding

PERMUTATIONS = 999
ALPHA = 0.01  # probability of an alarm where belief and prior agree
SEED = 0
GRETTON = "Gretton et al. (2012), JMLR 13: maximum mean discrepancy, normal kernel of median width, permutation test"


def same_as_prior(name: str, believed: np.ndarray, prior: np.ndarray) -> Finding:
    """Whether draws (N, Z) from the beliefs look like draws from the prior, by maximum mean discrepancy."""
    value, limit = mmd(believed, prior)
    shown = f"draws of {name} from the beliefs and from its prior differ by {value:.4f} (MMD^2)"
    if value <= limit:
        return Finding(LATENTS, f"prior of {name}", "ok", f"{shown}, as chance has it", value, limit, source=GRETTON)
    sentence = f"{shown}, more than chance has it ({limit:.4f}): simulated rows are not like the data"
    remedy = f"give {name} a prior that can follow, such as Normal(loc=Table(c), ...), or fit longer"
    return Finding(LATENTS, f"prior of {name}", "warn", sentence, value, limit, remedy, GRETTON)


def mmd(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Squared maximum mean discrepancy of rows x (N, Z) and y (M, Z), and the permutation limit at ALPHA."""
    both = np.concatenate([x, y])
    squares = pdist(both, "sqeuclidean")
    kernel = squareform(np.exp(-squares / np.median(squares)))  # zero diagonal: the unbiased estimate
    own = np.r_[np.ones(len(x), bool), np.zeros(len(y), bool)]
    rng = np.random.default_rng(SEED)
    sides = np.stack([own, *(rng.permutation(own) for _ in range(PERMUTATIONS))], axis=1)
    values = _discrepancy(kernel, sides.astype(float), len(x), len(y))
    return float(values[0]), float(np.quantile(values, 1 - ALPHA))


def _discrepancy(kernel: np.ndarray, sides: np.ndarray, n: int, m: int) -> np.ndarray:
    """The unbiased estimate for several splits (N + M, P) of the rows, (P,)."""
    products = kernel @ sides
    within, across = (sides * products).sum(axis=0), ((1 - sides) * products).sum(axis=0)
    other = kernel.sum() - within - 2 * across
    return within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m)


def shares(name: str, believed: np.ndarray, drawn: np.ndarray) -> Finding:
    """Whether average responsibilities (K,) are those of data sets (R, K) that the model draws, by total variation."""
    typical = drawn.mean(axis=0)
    value = float(np.abs(believed - typical).sum() / 2)
    limit = float(np.quantile(np.abs(drawn - typical).sum(axis=1) / 2, 1 - ALPHA))
    sentence = f"average responsibilities of {name} lie {value:.3f} from its prior's probabilities (total variation)"
    details = xr.DataArray(believed - typical, dims=f"{name}_level", name="difference")
    source = "limit: 99 % of the data sets that the fitted model draws"
    if value <= limit:
        return Finding(LATENTS, f"prior of {name}", "ok", sentence, value, limit, "", source, details)
    remedy = f"the prior of {name} holds against the data: fit longer, or give its probs a weaker prior"
    return Finding(LATENTS, f"prior of {name}", "warn", sentence, value, limit, remedy, source, details)
