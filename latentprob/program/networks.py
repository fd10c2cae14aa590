"""The networks of a program: decoders that the model names, and encoders of the drawn latents."""

from dataclasses import dataclass
from typing import Any

from latentprob.program.context import size
from latentprob.program.features import feature
from latentprob.program.maps import network_name, tail_axes
from latentprob.program.plan import Plan
from latentprob.program.scope import Scope
from latentprob.spec import distributions as spec
from latentprob.spec.component import lookup
from latentprob.spec.maps import MLP, Linear, Module
from latentprob.spec.model import argument, parents, terms
from latentprob.spec.sites import intercept_of, own_axes

ENCODER_HIDDEN = (64, 64)
ACTIVATIONS = {
    "relu": "ReLU",
    "tanh": "Tanh",
    "gelu": "GELU",
    "silu": "SiLU",
    "softplus": "Softplus",
    "sigmoid": "Sigmoid",
}


@dataclass(frozen=True)
class Network:
    """An attribute of the program that holds a network, and the layers that make it."""

    name: str
    layers: tuple[str, ...]

    def lines(self) -> list[str]:
        """The statement that makes it."""
        return [f"self.{self.name} = nn.Sequential(", *[f"    {layer}," for layer in self.layers], ")"]


def maps_of(plan: Plan, kind: type | tuple[type, ...]) -> list[tuple[str, str, Any]]:
    """Every map of these kinds: variable, parameter, map."""
    model = plan.model
    return [
        (name, which, part)
        for name, law in model.statements.items()
        for which in law.parameters
        for part in terms(argument(model, name, which))
        if isinstance(part, kind)
    ]


def decoders(scope: Scope) -> list[Network]:
    """The networks that the model's MLPs name, encoders stated by `=` among them."""
    found = []
    for name, which, part in maps_of(scope.plan, MLP):
        sizes = [size(axis) for axis in (*own_axes(scope.model, name), *tail_axes(scope, name, which))]
        bias = intercept_of(argument(scope.model, name, which)) is part
        encodes = name in scope.model.embedded and part.parent in scope.plan.observed
        start = feature(scope, part.parent)[1] if encodes else size(lookup(part.parent)[0])
        layers = _layers(start, part.hidden, " * ".join(sizes) or "1", part.activation, bias)
        found.append(Network(network_name(scope, name, which, part), layers))
    return found


def _layers(start: str, hidden: tuple[int, ...], end: str, activation: str, bias: bool = True) -> tuple[str, ...]:
    layers, width = [], start
    for nodes in hidden:
        layers += [f"nn.Linear({width}, {nodes})", f"nn.{ACTIVATIONS[activation]}()"]
        width = str(nodes)
    layers.append(f"nn.Linear({width}, {end}{'' if bias else ', bias=False'})")
    return tuple(layers)


def modules(plan: Plan) -> tuple[str, ...]:
    """Names of the torch modules that the caller hands in."""
    return tuple(dict.fromkeys(part.name for _, _, part in maps_of(plan, Module)))


def is_double(plan: Plan) -> bool:
    """Whether the program computes in double precision.

    It holds no network, no module of the caller's, no encoder; or it holds a process, whose kernel is near singular,
    or hidden shares, whose logarithms run far below zero.
    """
    if plan.residuals or any(plan.model[name].support == "simplex" for name in plan.draw):
        return True
    return not (plan.draw or maps_of(plan, MLP) or maps_of(plan, Module))


def encoders(scope: Scope) -> list[Network]:
    """One encoder for each drawn latent: from what is observed to location and log scale."""
    return [_encoder(scope, name) for name in scope.plan.draw]


def _encoder(scope: Scope, name: str) -> Network:
    widths = [width for _, width in features(scope)]
    scope.take()
    start = " + ".join(widths)
    end = f"2 * ({size(name)} - 1)" if scope.model[name].support == "simplex" else f"2 * {size(name)}"
    if _is_linear(scope.plan, name):
        return Network(f"{name}_encoder", (f"nn.Linear({start}, {end})",))
    mlps = [part for _, _, part in maps_of(scope.plan, MLP) if part.parent == name]
    hidden = tuple(reversed(mlps[0].hidden)) if mlps else ENCODER_HIDDEN
    activation = mlps[0].activation if mlps else "relu"
    return Network(f"{name}_encoder", _layers(start, hidden, end, activation))


def _is_linear(plan: Plan, name: str) -> bool:
    """Whether the belief's location is linear in the data, as under linear maps and normal noise."""
    model = plan.model
    readers = [(model[child], part) for child, _, part in maps_of(plan, object) if name in parents(part)]
    normal = (spec.Normal, spec.MultivariateNormal)
    return all(isinstance(part, Linear) and part.by is None and isinstance(law, normal) for law, part in readers)


def features(scope: Scope) -> list[tuple[str, str]]:
    """What an encoder reads: texts of tensors, (N, ...), and their widths."""
    plan, found = scope.plan, []
    for name in scope.context.names:
        if name in plan.missing and scope.model.is_level(name):
            hot = f"nn.functional.one_hot({name}, self.{name}_size) * {name}_seen[:, None]"
            found.append((hot, f"self.{name}_size"))
            continue
        text, width = feature(scope, name)
        if name in plan.missing and isinstance(scope.model[name], spec.Categorical):
            scope.lines.append(f"{name}_hot = {text}")
            scope.lines.append(f"{name}_shown = {name}_seen.repeat_interleave(self.{name}_levels, -1)")
            found += [(f"{name}_hot * {name}_shown", width), (f"{name}_seen", f"self.{name}_size")]
        elif name in plan.missing:
            found += [(f"torch.where({name}_seen, {text}, 0.0)", width), (f"{name}_seen", width)]
        else:
            found.append((text, width))
    return found
