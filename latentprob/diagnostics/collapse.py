"""Are the latents identified and alive: components and dims in use, distinct, in their places, as the prior says."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import entropy

from latentprob.diagnostics.aggregate import same_as_prior, shares
from latentprob.diagnostics.evidence import Evidence
from latentprob.diagnostics.findings import LATENTS, Finding, Level

# Burda, Grosse and Salakhutdinov (2016), ICLR, section 5: variance of the belief means over rows, of the prior's.
ACTIVE_VARIANCE_MIN = 0.01
COMPONENT_ROWS_MIN = 1.0  # expected rows of a component; below, it holds not even one
# Cosine of two components' responsibilities: 1 where they cannot be told apart, 0 where no row is between them.
# At 0.5 a row of one is as likely to be given to the other as half of the time it is kept: Hennig (2010), Adv. Data
# Anal. Classif. 4(1), merges by such probabilities of misclassification.
OVERLAP_MAX = 0.5
DUPLICATE = 0.9  # of that cosine: nothing tells the two apart
MOVED_MAX, MOVED_FAIL = 0.02, 0.1  # share of draws at other places: alignment errs in a few, a chain is 1 of 4 or so
BURDA_2016 = "Burda et al. (2016), ICLR: variance of the belief means above 0.01 of the prior's"


def collapse(evidence: Evidence) -> Iterator[Finding]:
    """Findings on every latent, and on bounds that keep a point estimate off a spike."""
    for name, belief in evidence.latents.items():
        if "probs" in belief:
            yield used_components(name, belief["probs"])
            yield from distinct_components(name, belief["probs"])
        else:
            yield active_dims(name, belief["loc"], evidence.prior_scales.get(name, 1.0), evidence.kl.get(name))
    for name, share in evidence.moved.items():
        yield places(name, share, evidence.attrs, "probs" in evidence.latents.get(name, ()))
    for name, drawn in evidence.aggregates.items():
        yield same_as_prior(name, *drawn)
    for name, drawn in evidence.level_shares.items():
        yield shares(name, *drawn)
    if evidence.spikes:
        yield spiked(evidence.spikes)
    if binding := evidence.attrs.get("floor_binds"):
        yield floor(binding)


def used_components(name: str, probs: xr.DataArray) -> Finding:
    """exp of the entropy of the mean responsibilities, and the components without a row."""
    weights = probs.values.reshape(-1, probs.shape[-1])
    count, rows = weights.shape[1], weights.sum(axis=0)
    effective = float(np.exp(entropy(weights.mean(axis=0))))
    empty = np.flatnonzero(rows < COMPONENT_ROWS_MIN)
    sentence = f"{effective:.1f} of {count} components are effectively used"
    labels = probs[probs.dims[-1]].values
    details = xr.DataArray(rows, {f"{name}_level": labels}, f"{name}_level", "rows")
    if not len(empty):
        return Finding(LATENTS, f"components of {name}", "ok", sentence, effective, count, details=details)
    return Finding(
        LATENTS,
        f"components of {name}",
        "warn",
        f"{sentence}; without rows: {', '.join(str(labels[i]) for i in empty)}",
        effective,
        count,
        f"take a smaller size of {name}: {count - len(empty)} components hold all rows",
        details=details,
    )


def distinct_components(name: str, probs: xr.DataArray) -> Iterator[Finding]:
    """The two components that share most rows."""
    weights = probs.values.reshape(-1, probs.shape[-1])
    labels = probs[probs.dims[-1]].values
    held = np.flatnonzero(weights.sum(axis=0) >= COMPONENT_ROWS_MIN)
    if len(held) < 2:
        return
    unit = weights[:, held] / np.sqrt((weights[:, held] ** 2).sum(axis=0))
    likeness = np.tril(unit.T @ unit, -1)
    first, second = (str(labels[held[i]]) for i in sorted(np.unravel_index(likeness.argmax(), likeness.shape)))
    value = float(likeness.max())
    sentence = f"components {first} and {second} overlap most: the cosine of their responsibilities is {value:.2f}"
    source = "Hennig (2010), Adv. Data Anal. Classif. 4(1): probabilities of misclassification"
    if value <= OVERLAP_MAX:
        yield Finding(LATENTS, f"duplicates of {name}", "ok", sentence, value, OVERLAP_MAX, source=source)
        return
    told = "nothing tells them apart" if value > DUPLICATE else "most of their rows could be of either"
    remedy = f"take a smaller size of {name}, compare sizes by lp.select, or read the two as one"
    yield Finding(LATENTS, f"duplicates of {name}", "warn", f"{sentence}; {told}", value, OVERLAP_MAX, remedy, source)


def active_dims(name: str, loc: xr.DataArray, prior_scale: float = 1.0, kl: xr.DataArray | None = None) -> Finding:
    """Dims of a continuous latent whose belief means vary over the rows; details: KL from the prior by dim, nats."""
    means = loc.values.reshape(len(loc), -1)
    count, active = means.shape[1], int((means.var(axis=0) > ACTIVE_VARIANCE_MIN * prior_scale**2).sum())
    level: Level = "ok"
    remedy = ""
    if active == 0:
        level, remedy = (
            "fail",
            f"{name} says nothing of the rows: fit longer, or take a weaker decoder or a smaller prior scale",
        )
    elif active < count:
        level, remedy = "warn", f"nothing is lost: {name} with size={active} would do"
    sentence = f"{active} of {count} dims are active"
    if kl is not None:
        sentence += f"; the beliefs lie {float(kl.sum()):.2f} nats a row from the prior"
    return Finding(LATENTS, f"dims of {name}", level, sentence, active, count, remedy, BURDA_2016, kl)


def places(name: str, share: float, attrs: Any, discrete: bool) -> Finding:
    """Whether levels or dims of a latent stand at the same places in all draws; R-hat before and after alignment."""
    what = f"labels of {name}" if discrete else f"rotation of {name}"
    before, after = attrs.get("rhat_before_alignment"), attrs.get("rhat_after_alignment")
    story = f"; R-hat was {before:.2f} before alignment and is {after:.2f} after" if before and after else ""
    if share <= MOVED_MAX:
        return Finding(LATENTS, what, "ok", f"the same in all draws{story}", share, MOVED_MAX)
    level: Level = "fail" if share > MOVED_FAIL else "warn"
    unit = "components change places" if discrete else "dims are turned, or change sign or order"
    sentence = f"in {share:.0%} of the draws {unit}: means over the draws mix different things"
    remedy = (
        "use quantities that do not depend on places: score, simulate, implied covariances; or fix the order by priors"
    )
    return Finding(LATENTS, what, level, sentence, share, MOVED_MAX, remedy)


def spiked(names: tuple[str, ...]) -> Finding:
    """Components on single points."""
    sentence = f"a component is far narrower than the data ({', '.join(names)}): it sits on one point or its copies"
    remedy = "take fewer components, a prior that keeps scales up, or look for repeated rows"
    return Finding(
        LATENTS, "spikes", "fail", sentence, len(names), 0, remedy, "narrower than 0.002 of the data's spread"
    )


def floor(binding: Any) -> Finding:
    """A lower bound on a scale that a point estimate lies on."""
    where = f" ({binding})" if isinstance(binding, str) else ""
    return Finding(
        LATENTS,
        "floors",
        "warn",
        f"an estimate lies on the bound that keeps it off a spike or a Heywood case{where}",
        float(binding) if isinstance(binding, (int, float)) else 1.0,
        0,
        "take fewer components or factors, or the model with its priors instead of model.point()",
    )
