"""Levels of factors, drawn with the parameters, as lines of program text."""

from latentprob.program.context import Context, size
from latentprob.program.defaults import Text
from latentprob.program.distributions import law
from latentprob.program.priors import drawn, placed, point_text, prior_lines, shape_text
from latentprob.program.scope import Scope
from latentprob.spec.maps import Embedding, PerLevel
from latentprob.spec.sites import Free


def level_lines(context: Context, free: Free) -> list[str]:
    """The lines that draw the levels of a factor: of a statement of its own, or of a PerLevel."""
    if isinstance(free.source, PerLevel):
        return _pooled(context, free) if free.prior is None else prior_lines(context, free)
    if isinstance(free.source, Embedding):
        return _points(context, free)
    scope = Scope(context.plan)
    text = law(scope, free.name).text
    sizes = [size(axis) for axis in free.axes]
    inner = text.removesuffix(".to_event(1)")
    kept = sizes if inner != text else sizes[:1]
    return [*scope.take(), *drawn(free, inner, f".expand({shape_text(kept)}).to_event({len(kept)})")]


def _pooled(context: Context, free: Free) -> list[str]:
    """Deviations of the levels from what they have in common."""
    sizes = [size(axis) for axis in free.axes]
    text = Text("Normal", ("0.0", f"{free.name}_scale"), tensor=True)
    return drawn(free, *placed(text, context, sizes))


def _points(context: Context, free: Free) -> list[str]:
    """A flat law; the ridge of an Embedding is a factor of its own, so that the levels stay points."""
    lines = drawn(free, point_text(context, free, [size(axis) for axis in free.axes]), "")
    if free.source.ridge is None:
        return lines
    half = 0.5 * free.source.ridge
    return [*lines, f'pyro.factor("{free.name}_ridge", -{half!r} * {free.name}.square().sum())']
