"""One labelling out of K!: the part of the parameters' space in which the levels are named as at a mode.

A density that does not change when levels change places is K! copies of itself. Its copy around one mode is cut out by
asking, of every vector, that no other assignment of its levels to those of the mode be nearer.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from latentprob.inference.assignment import assign
from latentprob.inference.laplace import Laplace
from latentprob.inference.unconstrain import Space
from latentprob.spec.model import Model
from latentprob.spec.sites import free_parameters
from latentprob.spec.symmetry import exchangeable


def cell(model: Model, observed: Sequence[str], space: Space, near: Laplace) -> Callable[[Tensor], Tensor] | None:
    """Whether vectors (S, P) name the levels as the mode does, (S,); None where no label is open."""
    found = [_places(model, observed, space, near, name) for name in exchangeable(model, observed)]
    places = [index for index in found if index is not None]
    if not places:
        return None

    def inside(vectors: Tensor) -> Tensor:
        same = torch.ones(len(vectors), dtype=torch.bool, device=vectors.device)
        for index in places:
            unit = near.conditional[index].square().mean(0).sqrt()
            distance = (vectors[:, index] / unit)[:, :, None] - (near.mode[index] / unit)[None, None]
            order = assign(distance.square().sum(-1).cpu().double().numpy())
            same &= torch.as_tensor((order == np.arange(len(index))).all(1), device=vectors.device)
        return same

    return inside


def _places(model: Model, observed: Sequence[str], space: Space, near: Laplace, name: str) -> Tensor | None:
    """Where the values of each level of `name` lie in a vector, (K, F): those of the variables that read it."""
    open_labels = exchangeable(model, observed)
    axes = {free.name: free.axes for free in free_parameters(model) if free.variable != name}
    rotated = set() if near.gauge is None else set(range(space.size)) - set(near.gauge.free.tolist())
    rotated |= set() if near.gauge is None else set(near.gauge.diagonal.tolist())
    found = []
    for part, index in space.places():
        own = axes.get(part.name, ())
        if (
            own.count(name) == 1
            and len(set(own) & set(open_labels)) == 1
            and rotated.isdisjoint(index.flatten().tolist())
        ):
            found.append(index.movedim(own.index(name), 0).flatten(1))
    return torch.cat(found, 1) if found else None
