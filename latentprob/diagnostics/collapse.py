"""Is a part of the model unused: components without rows, latent dims that hold nothing, floors that bind."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import entropy

from latentprob.diagnostics.findings import Finding, Level

ACTIVE_VARIANCE_MIN = (
    0.01  # Burda, Grosse and Salakhutdinov (2016), ICLR, section 5: variance of the belief means over rows
)
COMPONENT_ROWS_MIN = 1.0  # expected rows of a component; below, it holds not even one


def collapse(latents: Mapping[str, xr.Dataset], attrs: Mapping[str, Any]) -> Iterator[Finding]:
    """Findings on every latent, and on bounds that keep a point estimate off a spike."""
    for name, belief in latents.items():
        yield used_components(name, belief["probs"]) if "probs" in belief else active_dims(name, belief["loc"])
    if binding := attrs.get("floor_binds"):
        yield floor(binding)


def used_components(name: str, probs: xr.DataArray) -> Finding:
    """exp of the entropy of the mean responsibilities, and the components without a row."""
    weights = probs.values.reshape(-1, probs.shape[-1])
    count, rows = weights.shape[1], weights.sum(axis=0)
    effective = float(np.exp(entropy(weights.mean(axis=0))))
    empty = np.flatnonzero(rows < COMPONENT_ROWS_MIN)
    sentence = f"{effective:.1f} of {count} components are effectively used"
    if not len(empty):
        return Finding(f"components of {name}", "ok", sentence, effective, count)
    labels = probs[probs.dims[-1]].values
    return Finding(
        f"components of {name}",
        "warn",
        f"{sentence}; without rows: {', '.join(str(labels[i]) for i in empty)}",
        effective,
        count,
        f"take a smaller size of {name}: {count - len(empty)} components hold all rows",
    )


def active_dims(name: str, loc: xr.DataArray) -> Finding:
    """Dims of a continuous latent whose belief means vary over the rows."""
    means = loc.values.reshape(len(loc), -1)
    count, active = means.shape[1], int((means.var(axis=0) > ACTIVE_VARIANCE_MIN).sum())
    level: Level = "ok"
    remedy = ""
    if active == 0:
        level, remedy = (
            "fail",
            f"{name} says nothing of the rows: fit longer, or take a weaker decoder or a smaller prior scale",
        )
    elif active < count:
        level, remedy = "warn", f"nothing is lost: {name} with size={active} would do"
    return Finding(
        f"dims of {name}",
        level,
        f"{active} of {count} dims are active",
        active,
        count,
        remedy,
        "Burda et al. (2016), ICLR: variance of the belief means above 0.01",
    )


def floor(binding: Any) -> Finding:
    """A lower bound on a scale that a point estimate lies on."""
    where = f" ({binding})" if isinstance(binding, str) else ""
    return Finding(
        "floors",
        "warn",
        f"an estimate lies on the bound that keeps it off a spike or a Heywood case{where}",
        float(binding) if isinstance(binding, (int, float)) else 1.0,
        0,
        "take fewer components or factors, or the model with its priors instead of model.point()",
    )
