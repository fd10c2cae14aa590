"""Known values: numbers, lists and matrices that must lie in a parameter's domain."""

from collections.abc import Callable
from typing import Any

from latentprob.errors import ModelError

At = tuple[str | int, ...]
Matrix = tuple[tuple[float, ...], ...]

NUMBERS: dict[str, tuple[Callable[[float], bool], str]] = {
    "real": (lambda number: True, "numbers"),
    "logits": (lambda number: True, "numbers"),
    "dynamics": (lambda number: True, "numbers"),
    "positive": (lambda number: number > 0, "numbers above 0"),
    "unit": (lambda number: 0 <= number <= 1, "numbers from 0 to 1"),
    "simplex": (lambda number: 0 <= number <= 1, "numbers from 0 to 1 with sum 1"),
}
TOLERANCE = 1e-6  # of symmetry, of a unit diagonal, of a sum of probabilities


def check_number(value: float, domain: str, place: str, at: At) -> None:
    """Refuses a number outside of the domain."""
    inside, allowed = NUMBERS[domain]
    if not inside(value):
        raise ModelError(f"{place}: found {value}; allowed are {allowed}", at=at)


def check_vector(value: tuple[Any, ...], domain: str, place: str, at: At) -> None:
    """Refuses a list with a number outside of the domain."""
    if isinstance(value[0], tuple):
        raise ModelError(f"{place}: found a list of lists; write a list of numbers", at=at)
    for position, number in enumerate(value):
        check_number(number, domain, place, (*at, position))
    if domain == "simplex" and abs(sum(value) - 1) > TOLERANCE:
        raise ModelError(f"{place}: the numbers have the sum {sum(value):g}; write probabilities with sum 1", at=at)


def check_rows(value: tuple[Any, ...], domain: str, place: str, at: At) -> None:
    """Refuses what is no square matrix whose rows are probabilities."""
    size = len(value)
    if not isinstance(value[0], tuple) or len(value[0]) != size:
        raise ModelError(
            f"{place}: found no square matrix; write a row of {size} probabilities for each of {size} levels", at=at
        )
    for position, row in enumerate(value):
        check_vector(row, "simplex", place, (*at, position))


def check_dynamics(value: tuple[Any, ...], domain: str, place: str, at: At) -> None:
    """Refuses what is neither a diagonal nor a square matrix."""
    if isinstance(value[0], tuple) and len(value[0]) != len(value):
        raise ModelError(f"{place}: found no square matrix; write {len(value)} rows of {len(value)} numbers", at=at)


def check_matrix(value: tuple[Any, ...], domain: str, place: str, at: At) -> None:
    """Refuses what is no matrix of the domain."""
    size = len(value)
    if not isinstance(value[0], tuple) or len(value[0]) != size:
        raise ModelError(
            f"{place}: found no square matrix; write {size} rows of {size} numbers, [[1, 0], [0, 1]]", at=at
        )
    pairs = [(row, column) for row in range(size) for column in range(row)]
    if domain == "scale_tril":
        if any(value[column][row] for row, column in pairs) or min(value[k][k] for k in range(size)) <= 0:
            raise ModelError(f"{place}: write a lower triangle with a diagonal above 0, and zeros above it", at=at)
        return
    if any(abs(value[row][column] - value[column][row]) > TOLERANCE for row, column in pairs):
        raise ModelError(f"{place}: the matrix is not symmetric; write the same number on both sides", at=at)
    if domain == "correlation" and any(abs(value[k][k] - 1) > TOLERANCE for k in range(size)):
        raise ModelError(f"{place}: the diagonal of a correlation matrix is 1; write 1 there", at=at)
    if not _positive_definite(value):
        raise ModelError(f"{place}: the matrix is not positive definite; write one with eigenvalues above 0", at=at)


def _positive_definite(matrix: Matrix) -> bool:
    """Whether all pivots of a symmetric matrix are positive."""
    if not matrix:
        return True
    (pivot, *first), *rest = matrix
    return pivot > 0 and _positive_definite(
        tuple(tuple(x - row[0] * y / pivot for x, y in zip(row[1:], first, strict=True)) for row in rest)
    )
