"""Symmetries of the model, resolved in the draws of all chains before anything is averaged."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from arviz_stats.base import array_stats

from latentprob.inference.problem import Draws
from latentprob.posterior import factors, labels
from latentprob.posterior.matching import Array
from latentprob.program import Program, patterns
from latentprob.spec.model import Model
from latentprob.spec.schema import Schema
from latentprob.spec.sites import free_parameters, masks
from latentprob.spec.symmetry import Symmetry, exchangeable, level_groups, loadings_of, symmetry

WORDS = ("rotation", "order", "sign")
RHAT_VALUES = 2_000_000  # draws for which R-hat before and after is computed
RHAT_DRAWS = 4  # draws of a chain that R-hat needs


@dataclass(frozen=True)
class Aligned:
    """Draws in which every component and factor keeps its meaning.

    frames: for a latent with an encoder, the signed permutation (Z, Z) from the encoder's dims to those of the draws.
    """

    draws: Draws
    frames: Mapping[str, Array] = field(default_factory=dict)


def align(program: Program, draws: Draws, schema: Schema) -> Aligned:
    """The draws with labels, signs, orders and rotations resolved; what was done stands in their attributes."""
    model, axes = program.model, dict(program.site_axes)
    flat = {name: np.asarray(v, float).reshape(-1, *v.shape[2:]) for name, v in draws.parameters.items()}
    kinds = {name: symmetry(model, schema, name) for name in model if loadings_of(model, name)}
    kinds = {name: kind for name, kind in kinds.items() if kind and _has(flat, axes, name)}
    discrete = [name for name in exchangeable(model, schema) if _has(flat, axes, name)]
    groups = level_groups(model)
    if not kinds and not discrete and not groups:
        return Aligned(draws)
    free_places = {name: np.flatnonzero(mask) for name, mask in masks(model, schema).items()}
    done: dict[str, str] = {}
    for i, name in enumerate(discrete):
        unsettled = (*discrete[i + 1 :], *kinds)
        order = labels.label_order(name, flat, model, draws.stats, unsettled)
        flat = labels.relabel(name, order, flat, axes, model)
        done[name] = "labels"
    latents, frames = dict(draws.latents), {}
    for name, kind in kinds.items():
        encoded = program.plan[name] == "draw" and name not in latents
        by = None if program.plan[name] == "draw" else _common_level(model, name)
        loadings = _loadings(model, name, by, flat)
        if encoded:
            frames[name], turns = _chain_turns(loadings, kind, draws)
        elif by is None:
            turns = factors.match(loadings, kind, draws.stats)
        else:
            levels = range(loadings.shape[1])
            turns = np.stack([factors.match(loadings[:, c], kind, draws.stats) for c in levels], axis=1)
        flat = {site: _turned(values, axes.get(site, ()), name, by, turns) for site, values in flat.items()}
        if name in latents:
            latents[name] = _turned_latents(latents[name], turns)
        done[name] = ", ".join(word for word in WORDS if word in (kind - {"rotation"} if encoded else kind))
    for names, kind in groups.items():
        turns = _level_turns(np.concatenate([flat[name] for name in names], axis=1), kind, draws)
        for name in names:
            flat = {site: _turned(values, axes.get(site, ()), name, None, turns) for site, values in flat.items()}
        done[" and ".join(names)] = ", ".join(word for word in WORDS if word in kind)
    for free in (f for f in free_parameters(model) if f.name in free_places):
        whole = flat[free.name]
        flat[patterns.site(free)] = whole.reshape(*whole.shape[:-2], -1)[..., free_places[free.name]]
    parameters = {name: values.reshape(draws.parameters[name].shape) for name, values in flat.items()}
    moved = [
        name for name in flat if set(axes.get(name, ())) & {*discrete, *kinds, *(n for names in groups for n in names)}
    ]
    attrs = {**draws.attrs, "aligned": "; ".join(f"{name}: {what}" for name, what in done.items())}
    attrs |= _rhats({"before": draws.parameters, "after": parameters}, moved)
    return Aligned(replace(draws, parameters=parameters, latents=latents, attrs=attrs), frames)


def _has(flat: Mapping[str, Array], axes: Mapping[str, tuple[str, ...]], name: str) -> bool:
    return any(name in axes.get(site, ()) for site in flat)


def _level_turns(levels: Array, kind: Symmetry, draws: Draws) -> Array:
    """Rotations (S, Z, Z) of levels (S, L, Z): of a guide one for each chain, in which its draws share a frame."""
    if draws.attrs.get("method") == "nuts":
        return factors.match(levels, kind, draws.stats)
    return _chain_turns(levels, kind, draws)[1]


def _chain_turns(loadings: Array, kind: Symmetry, draws: Draws) -> tuple[Array, Array]:
    """The frame (Z, Z) of the best chain, and rotations (S, Z, Z) of the draws to it, the same for those of a chain."""
    chains = next(iter(draws.parameters.values())).shape[0]
    scores = draws.stats.get("score", np.zeros(chains))[draws.stats.get("kept", np.ones(chains, bool))]
    best = int(np.argmax(scores)) if len(scores) == chains else 0
    turns = factors.match_chains(loadings, kind, chains, best)
    return turns[best], np.repeat(turns, len(loadings) // chains, axis=0)


def _common_level(model: Model, name: str) -> str | None:
    """The variable that gives every map of `name` weights of their own in each level, if there is one."""
    levels = {None if free.pooled else getattr(free.source, "by", None) for free in loadings_of(model, name)}
    return levels.pop() if len(levels) == 1 else None


def _loadings(model: Model, name: str, by: str | None, flat: Mapping[str, Array]) -> Array:
    """Loadings (S, [C,] D, Z) of `name` on all features that it feeds, D in number."""
    parts = []
    for free in loadings_of(model, name):
        values = np.moveaxis(flat[free.name], 1 + free.axes.index(name), -1)
        kept = values.shape[: 1 if by is None else 2]  # the level comes first in a Linear's weights
        parts.append(values.reshape(*kept, -1, values.shape[-1]))
    return np.concatenate(parts, axis=-2)


def _turned(values: Array, axes: tuple[str, ...], name: str, by: str | None, turns: Array) -> Array:
    """A site's draws with its axis `name` rotated; both axes of a matrix."""
    for place in (1 + i for i, axis in enumerate(axes) if axis == name):
        last = np.moveaxis(values, place, -1)
        kept = last.shape[: 1 if by is None else 2]
        values = np.moveaxis((last.reshape(*kept, -1, last.shape[-1]) @ turns).reshape(last.shape), -1, place)
    return values


def _turned_latents(values: Array, turns: Array) -> Array:
    return (values.reshape(len(turns), -1, values.shape[-1]) @ turns).reshape(values.shape)


def _rhats(draws: Mapping[str, Mapping[str, Array]], names: list[str]) -> dict[str, float]:
    """The largest R-hat of the sites that were moved, before and after, where it is cheap and defined."""
    found = {}
    for when, parameters in draws.items():
        arrays = [parameters[name] for name in names]
        chains, length = arrays[0].shape[:2]
        if chains > 1 and length >= RHAT_DRAWS and sum(a.size for a in arrays) <= RHAT_VALUES:
            flat = np.concatenate([a.reshape(chains, length, -1) for a in arrays], axis=-1)
            varying = flat[..., (np.ptp(flat, axis=1) > 0).all(axis=0)]  # points do not vary within a chain
            if varying.shape[-1]:
                found[f"rhat_{when}_alignment"] = float(np.nanmax(array_stats.rhat(varying, chain_axis=0, draw_axis=1)))
    return found
