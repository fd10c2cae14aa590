"""Whether the data have the sizes that the model states."""

from collections.abc import Iterator, Mapping
from typing import Any

from latentprob.errors import DataError
from latentprob.program.context import Context
from latentprob.program.head import known_size
from latentprob.spec.component import lookup
from latentprob.spec.distributions import Categorical, Distribution
from latentprob.spec.maps import Dot, Translation
from latentprob.spec.model import argument, terms
from latentprob.spec.structure import reads


def check_sizes(context: Context, centers: Mapping[str, Any]) -> None:
    """Refuses centres of the data that contradict a stated size, a list, or each other.

    centers: the centre of each observed variable whose axis the data give, by name: (D,), (L,), or (D, L).
    """
    lengths = dict(_lengths(context, centers))
    for name, law in context.model.statements.items():
        own = f"{name}." if isinstance(law, Categorical) and not context.model.is_level(name) else name
        stated: int | None = getattr(law, "size", None)
        if own in lengths and stated not in (None, lengths[own]):
            what = "levels" if isinstance(law, Categorical) else "features"
            raise DataError(
                f"{name} ~ {law} states {stated} {what}, but the data hold {lengths[own]}. "
                "Leave the size out, or give data of that size."
            )
        _check_parents(context, name, lengths)
    for free in context.frees:
        _check_prior(free.name, free.prior, free.axes, lengths)


def _lengths(context: Context, centers: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Lengths by axis, as far as they are known."""
    for name in (*context.model, *context.model.inputs):
        if name in centers:
            shape = centers[name].shape
            yield name, shape[0]
            yield from [(f"{name}.", shape[1])] if len(shape) > 1 else []
        elif (size := known_size(context, name)) is not None:
            yield name, size


def _check_parents(context: Context, name: str, lengths: Mapping[str, int]) -> None:
    """A variable that stands in an argument as it is has one feature, or those of its child."""
    own = 1 if context.model.is_level(name) else lengths[name]
    for which in context.model[name].parameters:
        for part in terms(argument(context.model, name, which)):
            if isinstance(part, (Dot, Translation)):
                _check_product(name, part, lengths)
            if isinstance(part, str) and lengths[lookup(part)[0]] not in (1, own):
                raise DataError(
                    f"{name} has {own} features, and {which}={part}, which has {lengths[lookup(part)[0]]}. "
                    f"Write {which}=Linear({part}), or give data of one size."
                )


def _check_product(name: str, part: Dot | Translation, lengths: Mapping[str, int]) -> None:
    """What is multiplied or added number by number has one length."""
    found = {read: lengths[lookup(read)[0]] for read in reads(part)}
    if len(set(found.values())) > 1:
        sizes = ", ".join(f"{read} has {length}" for read, length in found.items())
        raise DataError(f"{name} reads {part}, and {sizes}: write one size.")


def _check_prior(name: str, prior: Any, axes: tuple[str, ...], lengths: Mapping[str, int]) -> None:
    """A list in a prior has a value for each place of the parameter's last axis."""
    if not isinstance(prior, Distribution) or not axes:
        return
    for which in prior.parameters:
        value = getattr(prior, which)
        while isinstance(value, tuple) and isinstance(value[0], tuple):
            value = value[-1]
        if isinstance(value, tuple) and len(value) not in (1, lengths[axes[-1]]):
            raise DataError(
                f"{name} ~ {prior}: the list has {len(value)} values, but the data say {lengths[axes[-1]]}. "
                "Write one value for each feature, or one number for all."
            )
