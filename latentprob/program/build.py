"""compile: the program's text, and the module that it makes."""

import hashlib
import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule

from latentprob.errors import InferenceError
from latentprob.files.whole import replacing
from latentprob.program import patterns
from latentprob.program.beliefs import belief_dims
from latentprob.program.context import Context, is_matrix
from latentprob.program.densities import taken_out
from latentprob.program.emit import source
from latentprob.program.expression import ROW
from latentprob.program.matrices import auxiliary_axes
from latentprob.program.networks import is_double, modules
from latentprob.program.plan import Plan
from latentprob.program.sizes import check_sizes
from latentprob.spec.model import Model
from latentprob.spec.sites import free_parameters


@dataclass(frozen=True)
class Program:
    """A compiled model: `source` is a complete Python file that imports only torch and pyro."""

    model: Model
    observed: tuple[str, ...]
    missing: tuple[str, ...] = ()
    collapse: bool = True

    @cached_property
    def layout(self) -> Plan:
        """The role of each variable."""
        return Plan(self.model, self.observed, self.missing, self.collapse)

    @cached_property
    def source(self) -> str:
        """The program's text."""
        return source(self.layout)

    @property
    def plan(self) -> dict[str, str]:
        """What becomes of each latent, and of a discrete variable with gaps: "draw", "sum" or "integrate"."""
        names = dict.fromkeys((*self.layout.latents, *self.layout.sum))
        return {name: self.layout.role(name) for name in names}

    @property
    def given(self) -> dict[str, tuple[str, ...]]:
        """The summed latents that the belief of each integrated one depends on."""
        return {name: self.layout.given(name) for name in self.layout.integrate}

    @cached_property
    def belief_axes(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Of each integrated latent, the axes in front of its own of the belief's mean and of its covariance."""
        scope = taken_out(Context(self.layout))
        found = {name: belief_dims(scope, g) for g in self.layout.groups for name in g if name != self.layout.chain}
        return found | {self.layout.chain: ((ROW,), (ROW,))} if self.layout.chain in self.layout.integrate else found

    @cached_property
    def filename(self) -> str:
        """The name under which tracebacks show the program's lines."""
        return f"<latentprob {hashlib.sha256(self.source.encode()).hexdigest()[:12]}>"

    @cached_property
    def cls(self) -> Any:
        """The class that the text defines, compiled from it and registered with linecache."""
        linecache.cache[self.filename] = (len(self.source), None, self.source.splitlines(True), self.filename)
        names: dict[str, Any] = {"__name__": "latentprob_program"}
        exec(compile_text(self.source, self.filename, "exec"), names)
        return names["Program"]

    @cached_property
    def buffers(self) -> tuple[str, ...]:
        """Centres and spreads that the constructor takes."""
        code = self.cls.__init__.__code__
        names = code.co_varnames[1 : code.co_argcount]
        return tuple(n for n in names if n not in (*modules(self.layout), "parameter_guide"))

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """Names of the torch modules that the caller hands in."""
        return modules(self.layout)

    @cached_property
    def dtype(self) -> torch.dtype:
        """float32 where there is a network, else float64."""
        return torch.float64 if is_double(self.layout) else torch.float32

    @cached_property
    def site_axes(self) -> dict[str, tuple[str, ...]]:
        """The axes of every global site and deterministic, those that a matrix is made of included."""
        found: dict[str, tuple[str, ...]] = {}
        for free in free_parameters(self.model):
            if is_matrix(free):
                found |= auxiliary_axes(free)
            if free.pattern is not None:
                found |= patterns.axes(free)
            found[free.name] = free.axes
        return found

    def build(
        self,
        buffers: Mapping[str, Any],
        parameter_guide: Callable[[Any], Any] = AutoNormal,
        modules: Mapping[str, torch.nn.Module] | None = None,
    ) -> PyroModule:
        """The module, in the program's dtype.

        buffers: centres and spreads by name, as `data.statistics` gives them; those not needed are left aside.
        parameter_guide: makes the guide of the parameters from the function that draws them.
        modules: the torch modules that `Module(z, name=...)` names.
        """
        given = dict(modules or {})
        for name in self.modules:
            if name not in given:
                raise InferenceError(f"the model names the module '{name}'; hand it over: modules={{'{name}': ...}}")
        tensors = {name: torch.as_tensor(buffers[name]).to(self.dtype) for name in self.buffers}
        centers = {name.removesuffix("_center"): value for name, value in tensors.items() if name.endswith("_center")}
        check_sizes(Context(self.layout), centers)
        guide = {"parameter_guide": parameter_guide} if self.site_axes else {}
        module: PyroModule = self.cls(**tensors, **{name: given[name] for name in self.modules}, **guide)
        return module.to(self.dtype)

    def save(self, path: str | Path) -> None:
        """Write the text to a file that runs by itself; a half-written file never replaces a whole one."""
        with replacing(path) as made:
            made.write_text(self.source, encoding="utf-8")

    def __repr__(self) -> str:
        roles = ", ".join(f"{name}: {role}" for name, role in self.plan.items())
        return f"Program(observed={', '.join(self.observed)}; {roles or 'no latent'})\n\n{self.source}"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(self.source)}</pre>"


compile_text = compile


def compile(
    model: Model, observed: Sequence[str] | None = None, missing: Sequence[str] = (), *, collapse: bool = True
) -> Program:
    r"""The Pyro program of a model.

    observed: names that the data hold, inputs among them; by default the variables without children and the inputs.
    missing: names of observed variables with gaps; without it the faster text is emitted.
    collapse: whether latents with a closed form are integrated out; discrete ones always are summed.

    >>> from latentprob.spec.model import Model
    >>> program = compile(Model("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))"), observed=["x"])
    >>> program.plan
    {'c': 'sum'}
    """
    if observed is None:
        observed = [name for name in model if not model.children(name)] + list(model.inputs)
    if isinstance(observed, str) or isinstance(missing, str):
        raise InferenceError("observed= and missing= are lists of names, such as observed=['x']")
    program = _program(model, tuple(dict.fromkeys((*observed, *missing))), tuple(missing), collapse)
    _ = program.layout
    return program


_program = lru_cache(maxsize=128)(Program)  # the text of a model that is fitted again is there already
