"""The program's text: one method after another, from the functions that mirror spec/."""

import re
from typing import Any

from latentprob.program import matrices
from latentprob.program.beliefs import belief_lines, density_at_belief
from latentprob.program.distributions import Law, law, log_prob
from latentprob.program.expression import ROW, Expr, aligned, total
from latentprob.program.layout import laid_out
from latentprob.program.networks import decoders, encoders, features, modules, observed_names
from latentprob.program.plan import Plan
from latentprob.program.priors import WISHART, Context, prior_lines, sorted_frees
from latentprob.program.scope import Scope, parameter_names, size
from latentprob.spec import distributions as spec
from latentprob.spec.distributions import MultivariateNormal
from latentprob.spec.model import argument
from latentprob.spec.sites import Free


class Emitter:
    """Writes the text of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.model = plan, plan.model
        self.scope = Scope(plan)
        self.names = observed_names(plan)
        with_buffer = [n for n in self.names if not self.model.is_level(n)]
        self.anchor = f"self.{with_buffer[0]}_center"
        self.context = Context(self.model, plan.observed, self.anchor)
        self.arguments = [a for n in self.names for a in ((n, f"{n}_seen") if n in plan.missing else (n,))]
        self.parameters = parameter_names(self.model)

    def source(self) -> str:
        """The whole file."""
        body = [*self._priors(), *self._model()]
        for group in self.plan.groups:
            body += self._group_belief(group)
        body += [*self._joint(), *self._marginal(), *self._guide(), *self._belief()]
        init = self._init("\n".join(body))
        text = "\n".join([*self._head(), *init, *body])
        helpers = [
            helper
            for helper, name in ((matrices.INVERSE_WISHART, "inverse_wishart_tril("), (matrices.SEEN_NORMAL, "seen_normal("))
            if name in text
        ]
        everything = "\n".join([*helpers, text])
        return f"{self._imports(everything)}\n{everything.rstrip()}\n"

    # -- the file's head ------------------------------------------------------------------------

    def _imports(self, text: str) -> str:
        lines = ['"""' + self._title(), "", *str(self.model).splitlines(), '"""', ""]
        lines += ["import math", ""] if "math." in text else []
        lines += ["import pyro", "import pyro.distributions as dist"]
        lines += ["import torch"] if re.search(r"(?<!\w)torch\.", text) else []
        lines += ["from pyro.infer.autoguide import AutoNormal"] if "AutoNormal" in text else []
        lines += ["from pyro.nn import PyroModule"]
        lines += ["from torch import nn"] if "nn." in text.replace("pyro.nn", "") else []
        lines += ["from torch.distributions import constraints"] if "constraints." in text else []
        names = [n for n in ("PowerTransform", "SigmoidTransform") if n in text]
        lines += [f"from torch.distributions.transforms import {', '.join(names)}"] if names else []
        return "\n".join([*lines, ""])

    def _title(self) -> str:
        return f"A latent-variable model as a Pyro program; observed: {', '.join(self.names)}."

    def _head(self) -> list[str]:
        lines = ["", "class Program(PyroModule):", f'    """{self._purpose()}"""', ""]
        sizes = [f"    {name}_size = {self._known_size(name)}" for name in self.plan.order if self._known_size(name)]
        return [*lines, *sizes, *([""] if sizes else [])]

    def _purpose(self) -> str:
        said = {"sum": "summed out", "integrate": "integrated out", "draw": "drawn"}
        parts = [f"{name} {said[self.plan.role(name)]}" for name in self.plan.latents]
        return f"Latent: {', '.join(parts)}." if parts else "No latent variable."

    def _known_size(self, name: str) -> int | None:
        if name in self.model.inputs:
            return None
        component: Any = self.model[name]
        if name in self.plan.observed:
            return component.size if self.model.is_level(name) and isinstance(component, spec.Categorical) else None
        if isinstance(component, spec.Bernoulli) and self.model.is_level(name):
            return 2
        return component.size or 1

    def _init(self, body: str) -> list[str]:
        buffers = self._buffers(body)
        guide = ["parameter_guide=AutoNormal"] if self.parameters_drawn else []
        signature = ", ".join(["self", *buffers, *modules(self.plan), *guide])
        lines = [(1, f"def __init__({signature}):"), (2, "super().__init__()")]
        lines += [(2, f'self.register_buffer("{name}", {name})') for name in buffers]
        lines += [(2, line) for line in self._size_lines()]
        lines += [(2, line) for line in self._constants()]
        lines += [(2, f"self.{name} = {name}") for name in modules(self.plan)]
        for network in (*decoders(self.scope), *encoders(self.scope)):
            lines += [(2, line) for line in network.lines()]
        if guide:
            lines.append((2, "self.parameter_guide = parameter_guide(self.priors)"))
        return _method(lines)

    @property
    def parameters_drawn(self) -> bool:
        """Whether any parameter is a Pyro site."""
        return bool(self.scope.frees)

    def _buffers(self, body: str) -> list[str]:
        text = "\n".join([body, *self._constants()])
        found = []
        for name in self.names:
            center = not self.model.is_level(name) or self._known_size(name) is None or f"self.{name}_center" in text
            if name in self.model and self.model.is_level(name) and self._known_size(name) is not None:
                center = f"self.{name}_center" in text
            found += [f"{name}_center"] if center and not self._is_stated_level(name, text) else []
            found += [f"{name}_spread"] if f"self.{name}_spread" in text else []
        return found

    def _is_stated_level(self, name: str, text: str) -> bool:
        stated = name in self.model and self.model.is_level(name) and self._known_size(name) is not None
        return stated and f"self.{name}_center" not in text

    def _size_lines(self) -> list[str]:
        lines = []
        for name in self.names:
            if name in self.model and self._known_size(name) is not None:
                continue
            if name in self.model and not self.model.is_level(name) and isinstance(self.model[name], spec.Categorical):
                lines.append(f"self.{name}_size, self.{name}_levels = {name}_center.shape")
            elif isinstance(self.model.statements.get(name), spec.Bernoulli) and self.model.is_level(name):
                lines.append(f"self.{name}_size = 2")
            else:
                lines.append(f"self.{name}_size = len({name}_center)")
        return lines

    def _constants(self) -> list[str]:
        lines, anchor = [], self.anchor.removeprefix("self.")
        for name, component in self.model.statements.items():
            for which in component.parameters:
                value = argument(self.model, name, which)
                if isinstance(value, tuple):
                    made = f"{anchor}.new_tensor({_nested(value)})"
                    lines.append(f'self.register_buffer("{name}_{which}", {made})')
        for free in self.scope.frees:
            if self._is_matrix(free):
                lines += matrices.constant_lines(self.context, free)
        return lines

    def _is_matrix(self, free: Free) -> bool:
        return isinstance(self.model[free.variable], MultivariateNormal) and free.parameter not in ("loc", "scale")

    # -- the methods ----------------------------------------------------------------------------

    def _priors(self) -> list[str]:
        if not self.parameters_drawn and not self.parameters:
            return []
        lines: list[tuple[int, str]] = [(1, "def priors(self):"), (2, '"""Draw every parameter."""')]
        done: set[str] = set()
        for free in sorted_frees(self.model):
            if free.parameter == "loc" and free.variable not in done:
                lines += [(2, line) for line in self._compose(free.variable)]
                done.add(free.variable)
            lines += [(2, line) for line in self._draw(free)]
        for name in self.model:
            if name not in done:
                lines += [(2, line) for line in self._compose(name)]
        lines.append((2, f"return {_tuple(self.parameters)}"))
        return _method(lines)

    def _draw(self, free: Free) -> list[str]:
        if self._is_matrix(free):
            return matrices.matrix_lines(self.context, free)
        return prior_lines(self.context, free)

    def _compose(self, name: str) -> list[str]:
        """The Cholesky factor of a covariance that is known, or made of scales and a correlation."""
        component: Any = self.model[name]
        if not isinstance(component, MultivariateNormal):
            return []
        tril = f"{name}_scale_tril"
        for which in WISHART:
            value = argument(self.model, name, which)
            if isinstance(value, tuple):
                made = {
                    "covariance": f"torch.linalg.cholesky(self.{name}_covariance)",
                    "precision": f"torch.linalg.cholesky(self.{name}_precision.inverse())",
                    "scale_tril": f"self.{name}_scale_tril",
                }[which]
                return [f"{tril} = {made}"]
        if component.correlation is None:
            return []
        scale = component.scale
        text = repr(float(scale)) if isinstance(scale, (int, float)) else f"{name}_scale"
        text = f"self.{text}" if isinstance(scale, tuple) else text
        lone = not isinstance(scale, (int, float)) and not self._scale_has_features(name)
        root = f"{name}_correlation_tril"
        if isinstance(component.correlation, tuple):
            root = f"torch.linalg.cholesky(self.{name}_correlation)"
        return [f"{tril} = {text}{'[..., None, None]' if lone else '' if text[0].isdigit() else '[..., None]'} * {root}"]

    def _scale_has_features(self, name: str) -> bool:
        frees = [f for f in self.scope.frees if (f.variable, f.parameter) == (name, "scale")]
        return not frees or name in frees[0].axes

    def _signature(self, method: str, *first: str, drawn: tuple[str, ...] = (), rows: bool = False) -> str:
        arguments = ", ".join(["self", *first, *self.arguments, *drawn, *(["rows"] if rows else [])])
        return f"def {method}({arguments}):"

    def _unpack(self, body: list[str], source: str) -> list[str]:
        used = [_uses(body, name) for name in self.parameters]
        if not any(used):
            return [] if source == "parameters" else [source]
        names = [name if use else "_" for name, use in zip(self.parameters, used, strict=True)]
        return [f"{_tuple(names)} = {source}"]

    def _plate(self) -> str:
        return f'with pyro.plate("row", rows, subsample={self.names[0]}):'

    def _site(self, scope: Scope, name: str) -> list[str]:
        observed = name in self.plan.observed
        mask = f"{name}_seen" if name in self.plan.missing and not self.model.is_level(name) else None
        text = law(scope, name, self.anchor, mask).text
        if not observed:
            return [*scope.take(), f'{name} = pyro.sample("{name}", {text})']
        gaps = f", obs_mask={name}_seen" if name in self.plan.missing and mask is None else ""
        target = f"{name} = " if gaps and self.model.children(name) else ""
        return [*scope.take(), f'{target}pyro.sample("{name}", {text}, obs={name}{gaps})']

    def _model(self) -> list[str]:
        sites = [line for name in self.plan.order for line in self._site(self.scope, name)]
        lines = [(1, self._signature("model", rows=True)), (2, '"""The joint density of rows and latents."""')]
        lines += [(2, line) for line in self._unpack(sites, "self.priors()")] if self.parameters else []
        return _method([*lines, (2, self._plate()), *[(3, site) for site in sites]])

    def _summed_scope(self) -> Scope:
        return Scope(self.plan, frozenset(self.plan.sum))

    def _group_belief(self, group: tuple[str, ...]) -> list[str]:
        scope = self._summed_scope()
        body = belief_lines(scope, group, self.anchor)
        drawn = self._drawn_read(body)
        name = "_".join(group)
        said = " and ".join(group)
        lines = [
            (1, self._signature(f"{name}_belief", "parameters", drawn=drawn)),
            (2, f'"""p({said} given the data and parameters): mean, covariance, log density at the mean."""'),
            *[(2, line) for line in self._unpack(body, "parameters")],
        ]
        return _method([*lines, *[(2, line) for line in body]])

    def _drawn_read(self, body: list[str]) -> tuple[str, ...]:
        return tuple(name for name in self.plan.draw if _uses(body, name))

    def _joint_body(self) -> list[str]:
        scope = self._summed_scope()
        body: list[str] = []
        terms: list[Expr] = []
        for group in self.plan.groups:
            lines, minus = density_at_belief(scope, group, self)
            body += lines
            terms.append(minus)
        for name in self.plan.collapsed:
            if name in self.plan.sum:
                lines, expr = self._level_density(scope, name)
            else:
                lines, expr = self._density(scope, name)
            body += lines
            terms.append(expr)
        terms = [*terms[len(self.plan.groups) :], *terms[: len(self.plan.groups)]]
        dims = (ROW, *self.plan.sum)
        result = total([t for t in terms if not t.text.startswith("-")], dims)
        for term in terms:
            if term.text.startswith("-"):
                result = Expr(f"{result.text} - {aligned(Expr(term.text[1:], term.dims), dims).text}", dims, False)
        if len(result.dims) < len(dims):
            result = aligned(result, dims)
        return [*body, f"return {result.text}"]

    def _density(self, scope: Scope, name: str) -> tuple[list[str], Expr]:
        mask = f"{name}_seen" if name in self.plan.missing else None
        found: Law = law(scope, name, self.anchor, mask)
        expr = log_prob(scope, name, found, f"{name}_law")
        return [*scope.take(), f"{name}_law = {found.text}", f"log_{name} = {expr.text}"], Expr(f"log_{name}", expr.dims)

    def _level_density(self, scope: Scope, name: str) -> tuple[list[str], Expr]:
        expr = level_log_probs(scope, name)
        local = Expr(f"log_{name}", expr.dims)
        lines = [*scope.take(), f"log_{name} = {expr.text}"]
        if name not in self.plan.observed:
            return lines, local
        dims = tuple(d for d in (ROW, *self.plan.sum) if d in (ROW, name, *expr.dims))
        other = aligned(Expr(f"{name}_other", (ROW, name)), dims)
        lines.append(f"{name}_other = nn.functional.one_hot({name}, self.{name}_size) == 0")
        lines.append(f"{name}_other = {name}_other & {name}_seen[:, None]")
        lines.append(f"log_{name} = torch.where({other.text}, -math.inf, {aligned(local, dims).text})")
        return lines, Expr(f"log_{name}", dims)

    def _joint(self) -> list[str]:
        if not self.plan.collapsed:
            return []
        body = self._joint_body()
        shape = ", ".join([*(f"{name}" for name in self.plan.sum)])
        what = ", ".join([*self.plan.sum, *[n for n in self.plan.collapsed if n not in (*self.plan.sum, *self.plan.integrate)]])
        said = f"log p({what} given the parameters), for each row"
        said += f" and level of {shape}." if shape else "."
        lines = [
            (1, self._signature("joint", "parameters", drawn=self._drawn_joint())),
            (2, f'"""{said}"""'),
            *[(2, line) for line in self._unpack(body, "parameters")],
        ]
        return _method([*lines, *[(2, line) for line in body]])

    def _drawn_joint(self) -> tuple[str, ...]:
        body = self._joint_body()
        return tuple(n for n in self.plan.draw if _uses(body, n) or n in self.plan.collapsed)

    def _marginal(self) -> list[str]:
        lines = [(1, self._signature("marginal", rows=True))]
        if not self.plan.collapsed:
            call = ", ".join([*self.arguments, "rows"])
            said = '"""No latent has a closed form: the joint density."""'
            return _method([*lines, (2, said), (2, f"return self.model({call})")])
        out = " and ".join((*self.plan.sum, *self.plan.integrate))
        lines.append((2, f'"""The density of the rows with {out} taken out."""'))
        sites = [
            line
            for n in self.plan.order
            if n not in self.plan.collapsed or n in self.plan.draw
            for line in (self._placeholder(n) if n in self.plan.collapsed else self._site(self.scope, n))
        ]
        joint = f"self.joint({', '.join([*(['parameters'] if self.parameters else ['()']), *self.arguments, *self._drawn_joint()])})"
        sums = len(self.plan.sum)
        if sums:
            joint += f".logsumexp({-1 if sums == 1 else tuple(range(-sums, 0))})"
        lines += [(2, "parameters = self.priors()")] if self.parameters else []
        lines += [(2, line) for line in self._unpack(sites, "parameters")] if self.parameters else []
        last = self.plan.collapsed[-1]
        return _method(
            [*lines, (2, self._plate()), *[(3, s) for s in sites], (3, f'pyro.factor("{last}_marginal", {joint})')]
        )

    def _placeholder(self, name: str) -> list[str]:
        support = {"real": "real", "positive": "positive", "unit": "unit_interval"}[self.model[name].support]
        flat = f"dist.ImproperUniform(constraints.{support}, (), (self.{name}_size,))"
        return [f'{name} = pyro.sample("{name}", {flat})']

    def _guide(self) -> list[str]:
        lines: list[tuple[int, str]] = []
        if self.plan.draw:
            lines += self._encode()
            lines += [(1, self._signature("latent_guide", rows=True))]
            lines += [(2, f'"""q({", ".join(self.plan.draw)} given the data), by the encoder."""')]
            lines += [(2, f"{_encoded(self.plan)} = self.encode({', '.join(self.arguments)})"), (2, self._plate())]
            lines += [*[(3, self._guide_site(name)) for name in self.plan.draw], (0, "")]
        lines.append((1, self._signature("guide", rows=True)))
        said = ["automatic for the parameters"] if self.parameters_drawn else []
        said += [f"an encoder for {' and '.join(self.plan.draw)}"] if self.plan.draw else []
        lines.append((2, f'"""{", ".join(said).capitalize() or "Nothing is drawn"}."""'))
        if self.parameters_drawn:
            lines.append((2, "self.parameter_guide()"))
        if self.plan.draw:
            lines.append((2, f"self.latent_guide({', '.join([*self.arguments, 'rows'])})"))
        return _method(lines)

    def _encode(self) -> list[tuple[int, str]]:
        lines = [(1, self._signature("encode")), (2, '"""Location and scale of the belief of each row, before its transform."""')]
        texts = [text for text, _ in features(self.scope)]
        lines += [(2, line) for line in self.scope.take()]
        lines.append((2, f"seen = {texts[0]}" if len(texts) == 1 else f"seen = torch.cat([{', '.join(texts)}], -1)"))
        for name in self.plan.draw:
            lines.append((2, f"{name}_loc, {name}_log_scale = self.{name}_encoder(seen).chunk(2, -1)"))
        out = ", ".join(f"{name}_loc, {name}_log_scale.exp()" for name in self.plan.draw)
        return [*lines, (2, f"return {out}"), (0, "")]

    def _guide_site(self, name: str) -> str:
        support = self.model[name].support
        loc, scale = f"{name}_loc", f"{name}_scale"
        text = {
            "real": f"dist.Normal({loc}, {scale})",
            "positive": f"dist.LogNormal({loc}, {scale})",
            "unit": f"dist.TransformedDistribution(dist.Normal({loc}, {scale}), SigmoidTransform())",
        }[support]
        return f'pyro.sample("{name}", {text}.to_event(1))'

    def _belief(self) -> list[str]:
        if not self.plan.collapsed:
            return []
        drawn = self._drawn_joint()
        arguments = ", ".join(["parameters", *self.arguments, *drawn])
        lines = [
            (1, self._signature("belief", "parameters", drawn=drawn)),
            (2, '"""What was taken out, given the data, the parameters and what was drawn; exact."""'),
        ]
        found: dict[str, str] = {}
        if self.plan.sum:
            lines += self._level_beliefs(arguments, found)
        for group in self.plan.groups:
            name = "_".join(group)
            call = ", ".join(["parameters", *self.arguments, *self._drawn_read(belief_lines(self._summed_scope(), group, self.anchor))])
            lines.append((2, f"{name}_loc, {name}_covariance, _ = self.{name}_belief({call})"))
            found |= self._slices(group)
        pairs = ", ".join(f'"{key}": {text}' for key, text in found.items())
        return _method([*lines, (2, f"return {{{pairs}}}")])

    def _level_beliefs(self, arguments: str, found: dict[str, str]) -> list[tuple[int, str]]:
        levels = self.plan.sum
        if len(levels) == 1:
            found[f"{levels[0]}_probs"] = f"{levels[0]}_probs"
            return [(2, f"{levels[0]}_probs = self.joint({arguments}).softmax(-1)")]
        lines = [
            (2, f"joint = self.joint({arguments})"),
            (2, "probs = joint.flatten(1).softmax(-1).view_as(joint)"),
        ]
        for name in levels:
            others = tuple(at + 1 for at, other in enumerate(levels) if other != name)
            found[f"{name}_probs"] = f"probs.sum({others if len(others) > 1 else others[0]})"
        given = {self.plan.given(name) for name in self.plan.integrate if len(self.plan.given(name)) > 1}
        for names in sorted(given):
            others = tuple(at + 1 for at, other in enumerate(levels) if other not in names)
            found["_".join(names) + "_probs"] = f"probs.sum({others})" if others else "probs"
        return lines

    def _slices(self, group: tuple[str, ...]) -> dict[str, str]:
        if len(group) == 1:
            name = group[0]
            return {f"{name}_loc": f"{name}_loc", f"{name}_covariance": f"{name}_covariance"}
        found, start, whole = {}, "0", "_".join(group)
        for name in group:
            end = f"{start} + self.{name}_size" if start != "0" else f"self.{name}_size"
            cut = f"{start} : {end}" if start != "0" else f":{end}"
            cut = cut if " " not in cut or start == "0" else f"{start} : {end}"
            found[f"{name}_loc"] = f"{whole}_loc[..., {cut}]"
            found[f"{name}_covariance"] = f"{whole}_covariance[..., {cut}, {cut}]"
            start = end
        return found


def level_log_probs(scope: Scope, name: str) -> Expr:
    """log p(c given its parents) with an axis for the levels of c."""
    from latentprob.program.maps import parameter

    component: Any = scope.model[name]
    which = "logits" if component.logits is not None else "probs"
    expr = parameter(scope, name, which)
    if isinstance(component, spec.Categorical):
        method = "log()" if which == "probs" else "log_softmax(-1)"
        dims = expr.dims or (name,)
        if expr.text.startswith("self.") and which == "probs":
            return Expr(f"({expr.text} / {expr.text}.sum(-1, keepdim=True)).log()", dims)
        return Expr(f"{expr.operand}.{method}", dims)
    if which == "logits":
        made = f"nn.functional.logsigmoid(torch.stack([-{expr.operand}, {expr.text}], -1))"
    elif expr.number is not None:
        return Expr(f"{scope.plan.observed and ''}torch.tensor([{1 - expr.number!r}, {expr.number!r}]).log()", (name,))
    else:
        made = f"torch.stack([1 - {expr.operand}, {expr.text}], -1).log()"
    return Expr(made, (*expr.dims, name))


def _encoded(plan: Plan) -> str:
    return ", ".join(f"{name}_loc, {name}_scale" for name in plan.draw)


def _method(lines: list[tuple[int, str]]) -> list[str]:
    """The text of one method, a blank line behind it."""
    found: list[str] = []
    for depth, line in lines:
        found += laid_out(line, depth) if line else [""]
    return [*found, ""]


def _tuple(names: Any) -> str:
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)


def _uses(body: list[str], name: str) -> bool:
    code = re.sub(r'"[^"]*"', "", "\n".join(body))
    return re.search(rf"(?<![\w.]){re.escape(name)}\b(?!\s*=[^=])", code) is not None


def _nested(value: Any) -> str:
    return f"[{', '.join(_nested(v) for v in value)}]" if isinstance(value, tuple) else repr(float(value))


__all__ = ["Emitter", "size"]
