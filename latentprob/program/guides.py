"""`guide`: automatic for the parameters, an encoder for the latents that no closed form reaches, as program text."""

from latentprob.program.context import Context
from latentprob.program.layout import Lines, method
from latentprob.program.networks import features
from latentprob.program.processes import residuals
from latentprob.program.scope import Scope

# The law of a latent in the guide, by support: a normal law before its transform.
LAWS = {
    "real": "dist.Normal({0}_loc, {0}_scale).to_event(1)",
    "positive": "dist.LogNormal({0}_loc, {0}_scale).to_event(1)",
    "unit": "dist.TransformedDistribution(dist.Normal({0}_loc, {0}_scale), SigmoidTransform()).to_event(1)",
    "simplex": "dist.TransformedDistribution(dist.Normal({0}_loc, {0}_scale).to_event(1), "
    "StickBreakingTransform(cache_size=1))",
}


def guide_methods(context: Context) -> list[str]:
    """The methods `encode`, `latent_guide` and `guide`."""
    drawn, kept = context.plan.draw, context.plan.residuals
    latent = [*(_encode(context) if drawn else []), *(_latent_guide(context) if drawn or kept else [])]
    said = ["automatic for the parameters"] if context.frees else []
    said += [f"an encoder for {' and '.join(drawn)}"] if drawn else []
    lines: Lines = [
        (1, context.signature("guide", rows=True)),
        (2, f'"""{", ".join(said).capitalize() or "Nothing is drawn"}."""'),
    ]
    lines += [(2, "self.parameter_guide()")] if context.frees else []
    lines += [(2, f"self.latent_guide({', '.join([*context.arguments, 'rows'])})")] if drawn or kept else []
    return [*latent, *method(lines)]


def _encode(context: Context) -> list[str]:
    scope, drawn = Scope(context.plan), context.plan.draw
    texts = [text for text, _ in features(scope)]
    lines: Lines = [
        (1, context.signature("encode")),
        (2, '"""Location and scale of the belief of each row, before its transform."""'),
        *[(2, line) for line in scope.take()],
        (2, f"seen = {texts[0]}" if len(texts) == 1 else f"seen = torch.cat([{', '.join(texts)}], -1)"),
        *[(2, f"{name}_loc, {name}_log_scale = self.{name}_encoder(seen).chunk(2, -1)") for name in drawn],
        (2, f"return {', '.join(f'{name}_loc, {name}_log_scale.exp()' for name in drawn)}"),
    ]
    return method(lines)


def _latent_guide(context: Context) -> list[str]:
    drawn = context.plan.draw
    laws = {name: LAWS[context.model[name].support].format(name) for name in drawn}
    targets = ", ".join(f"{name}_loc, {name}_scale" for name in drawn)
    said = f"q({', '.join(drawn)} given the data), by the encoder"
    kept = f"the law of {' and '.join(context.plan.residuals)} as in the prior"
    said = "; ".join([*([said] if drawn else []), *([kept] if context.plan.residuals else [])])
    lines: Lines = [
        (1, context.signature("latent_guide", rows=True)),
        (2, f'"""{said[0].upper() if not drawn else said[0]}{said[1:]}."""'),
        *([(2, f"{targets} = self.encode({', '.join(context.arguments)})")] if drawn else []),
        (2, context.plate()),
        *[(3, f'pyro.sample("{name}", {text})') for name, text in laws.items()],
        *[
            (3, f'pyro.sample("{site}", {law})')
            for name in context.plan.order
            for site, law in residuals(context, name)
        ],
    ]
    return method(lines)
