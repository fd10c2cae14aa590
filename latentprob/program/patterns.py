"""Weights under a pattern: their free values as one site, (..., F), of which the whole matrix is made."""

from dataclasses import replace

from latentprob.program.context import Context, size
from latentprob.program.defaults import Text
from latentprob.program.priors import explicit, placed, point_text, shape_text, weights_text
from latentprob.spec.sites import Free

PATTERNED = '''
def patterned(free, places, shape):
    """Weights (..., Z, D) that hold free, (..., F), at places, (F,), and zeros elsewhere."""
    zeros = free.new_zeros(*free.shape[:-1], shape.numel())
    return zeros.index_copy(-1, places, free).unflatten(-1, shape)
'''


def site(free: Free) -> str:
    """The Pyro site of the free values."""
    return f"{free.name}_free"


def buffer(free: Free) -> str:
    """What the constructor takes: which weights are free, (Z, D)."""
    return f"{free.name.removesuffix('_weights')}_pattern"


def places(free: Free) -> str:
    """The attribute that holds the places of the free values in a flat matrix, (F,)."""
    return f"{free.name.removesuffix('_weights')}_places"


def axes(free: Free) -> dict[str, tuple[str, ...]]:
    """The axes of the site; "" is an axis without a name."""
    return {site(free): (*free.axes[:-2], "")}


def pattern_lines(context: Context, free: Free) -> list[str]:
    """The lines that draw the free values and make the matrix."""
    levels, where = [size(axis) for axis in free.axes[:-2]], f"self.{places(free)}"
    law = _law(context, free, [*levels, f"len({where})"])
    return [
        f'{site(free)} = pyro.sample("{site(free)}", {law})',
        f"{free.name} = patterned({site(free)}, {where}, self.{buffer(free)}.shape)",
        f'pyro.deterministic("{free.name}", {free.name})',
    ]


def _law(context: Context, free: Free, sizes: list[str]) -> str:
    if free.prior == "point":
        return point_text(context, free, sizes)
    text = weights_text(context, free) if free.prior is None else explicit(free.prior, context, free)
    if text.tensor:
        text = _picked(text, context, free)
    return "".join(placed(text, context, sizes))


def _picked(text: Text, context: Context, free: Free) -> Text:
    """A prior with what its tensors say of the free values."""
    whole = shape_text([size(axis) for axis in free.axes[-2:]])
    picked = f".expand({whole}).flatten()[self.{places(free)}]"
    return replace(text, arguments=tuple(a if _is_number(a) else f"({a}){picked}" for a in text.arguments))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def constant_line(free: Free) -> str:
    """The line that makes the places, once."""
    return f'self.register_buffer("{places(free)}", {buffer(free)}.flatten().nonzero()[:, 0])'
