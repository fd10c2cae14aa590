"""Python expressions whose dims have names, so that alignment and products are derived and never guessed."""

from collections.abc import Sequence
from dataclasses import dataclass

ROW = "row"
SUM, PRODUCT, ATOM = range(3)


@dataclass(frozen=True)
class Expr:
    """A piece of program text and the names of its dims; the axes of a matrix are "x" and "x'".

    binds: how tightly its text binds: ATOM, PRODUCT or SUM. number: its value where it is known.
    """

    text: str
    dims: tuple[str, ...] = ()
    binds: int = ATOM
    number: float | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def operand(self) -> str:
        """The text as what a method is called on, or an index is taken of."""
        return self.within(ATOM)

    def within(self, binds: int) -> str:
        """The text in a place that needs it to bind so tightly."""
        return self.text if self.binds >= binds else f"({self.text})"

    def renamed(self, *names: tuple[str, str]) -> "Expr":
        """The same tensor with other names of its dims, given as pairs (old, new)."""
        new = dict(names)
        return Expr(self.text, tuple(new.get(dim, dim) for dim in self.dims), self.binds, self.number)


def number(value: float) -> Expr:
    """A number, which has no dims."""
    return Expr(repr(float(value)), (), ATOM if value >= 0 else PRODUCT, float(value))


def method(expr: Expr, call: str, drop: int = 0) -> Expr:
    """expr.call, which takes away `drop` dims at the end."""
    return Expr(f"{expr.operand}.{call}", expr.dims[: len(expr.dims) - drop])


def aligned(expr: Expr, order: tuple[str, ...]) -> Expr:
    """`expr` with axes of length one where `order` has dims that it lacks; leading ones come by broadcasting."""
    inner = [dim for dim in order if dim in expr.dims]
    if tuple(inner) != expr.dims:
        raise RuntimeError(f"{expr.text} has dims {expr.dims}, out of order for {order}")
    if not expr.dims:
        return expr
    wanted = order[order.index(expr.dims[0]) :]
    index = [":" if dim in expr.dims else "None" for dim in wanted]
    if "None" not in index:
        return expr
    while index[-1] == ":":
        index.pop()
    return Expr(f"{expr.operand}[{', '.join(index)}]", wanted)


def union(*exprs: Expr, order: tuple[str, ...]) -> tuple[str, ...]:
    """The dims of several expressions together, in the given order."""
    found = {dim for expr in exprs for dim in expr.dims}
    return tuple(dim for dim in order if dim in found)


def binary(left: Expr, operator: str, right: Expr, order: tuple[str, ...]) -> Expr:
    """left operator right, aligned."""
    dims = union(left, right, order=order)
    a, b = aligned(left, dims), aligned(right, dims)
    if operator in "*/":
        return Expr(f"{a.within(PRODUCT)} {operator} {b.operand}", dims, PRODUCT)
    if operator == "+" and b.number is None and b.binds == PRODUCT and b.text.startswith("-"):
        return Expr(f"{a.text} - {b.text[1:]}", dims, SUM)
    return Expr(f"{a.text} {operator} {b.within(PRODUCT) if operator == '-' else b.text}", dims, SUM)


def total(exprs: Sequence[Expr], order: tuple[str, ...]) -> Expr:
    """The sum of several expressions; zeros drop out."""
    kept = [expr for expr in exprs if expr.number != 0] or exprs[:1]
    result = kept[0]
    for expr in kept[1:]:
        result = binary(result, "+", expr, order)
    return result


def product(factors: Sequence[Expr], keep: tuple[str, ...]) -> Expr:
    """The product of tensors summed over all dims but `keep`: `@` for two matrices, einsum otherwise."""
    if len(factors) == 2:
        left, right = factors
        if len(left.dims) == len(right.dims) == 2 and keep == (left.dims[0], _other(right, left.dims[1])):
            turned = "" if right.dims[0] == left.dims[1] else ".mT"
            return Expr(f"{left.operand} @ {right.operand}{turned}", keep, PRODUCT)
    letters = _letters([dim for expr in factors for dim in expr.dims])
    inputs = ",".join("".join(letters[dim] for dim in expr.dims) for expr in factors)
    output = "".join(letters[dim] for dim in keep)
    operands = ", ".join(expr.text for expr in factors)
    return Expr(f'torch.einsum("{inputs}->{output}", {operands})', keep)


def _other(expr: Expr, dim: str) -> str | None:
    """The other dim of a matrix one of whose dims is `dim`."""
    return next((other for other in expr.dims if other != dim), None) if dim in expr.dims else None


def _letters(dims: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for dim in dims:
        if dim not in found:
            wish = "n" if dim == ROW else dim[0].lower()
            free = [c for c in wish + "abcdefghijklmopqrstuvwxyz" if c.isalpha() and c not in found.values()]
            found[dim] = free[0]
    return found
