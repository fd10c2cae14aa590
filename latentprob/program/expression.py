"""Python expressions whose dims have names, so that alignment and products are derived and never guessed."""

from dataclasses import dataclass

ROW = "row"


@dataclass(frozen=True)
class Expr:
    """A piece of program text and the names of its dims; the axes of a matrix are "x" and "x'"."""

    text: str
    dims: tuple[str, ...] = ()
    atom: bool = True
    number: float | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def operand(self) -> str:
        """The text as an operand of a product or the base of a method call."""
        return self.text if self.atom else f"({self.text})"


def number(value: float) -> Expr:
    """A number, which has no dims."""
    return Expr(repr(float(value)), (), value >= 0, float(value))


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
        return Expr(f"{a.operand} {operator} {b.operand}", dims, False)
    second = b.operand if operator == "-" else b.text
    return Expr(f"{a.text} {operator} {second}", dims, False)


def total(exprs: list[Expr], order: tuple[str, ...]) -> Expr:
    """The sum of several expressions; zeros drop out."""
    kept = [expr for expr in exprs if expr.number != 0] or exprs[:1]
    result = kept[0]
    for expr in kept[1:]:
        result = binary(result, "+", expr, order)
    return result


def product(factors: list[Expr], keep: tuple[str, ...]) -> Expr:
    """The product of tensors summed over all dims but `keep`: `@` for two matrices, einsum otherwise."""
    if len(factors) == 2:
        left, right = factors
        if len(left.dims) == len(right.dims) == 2 and left.dims[1] == right.dims[0]:
            if keep == (left.dims[0], right.dims[1]):
                return Expr(f"{left.operand} @ {right.operand}", keep, False)
    letters = _letters([dim for expr in factors for dim in expr.dims])
    inputs = ",".join("".join(letters[dim] for dim in expr.dims) for expr in factors)
    output = "".join(letters[dim] for dim in keep)
    operands = ", ".join(expr.text for expr in factors)
    return Expr(f'torch.einsum("{inputs}->{output}", {operands})', keep)


def _letters(dims: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for dim in dims:
        if dim not in found:
            wish = "n" if dim == ROW else dim[0].lower()
            free = [c for c in wish + "abcdefghijklmopqrstuvwxyz" if c.isalpha() and c not in found.values()]
            found[dim] = free[0]
    return found
