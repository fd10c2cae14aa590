"""Beliefs of single rows refined where the encoder's are off."""

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from latentprob.errors import NotAvailable
from latentprob.posterior.gap import Gap, gap
from latentprob.posterior.result import Result, count
from latentprob.posterior.rows import at_rows

GAIN_MIN = 0.5  # nats: KL between normal beliefs one sd apart


def refined(result: Result, rows: Iterable[Hashable] | None) -> Result:
    """The result with refined beliefs of the rows of these labels; of None, of those that gain more than GAIN_MIN."""
    places = np.arange(count(result.values)) if rows is None else _places(result, rows)
    found = gap(at_rows(result, places))
    chosen = found.gain > GAIN_MIN if rows is None else np.ones(len(places), bool)
    beliefs = {name: _placed(result, name, places[chosen], found, chosen) for name in found.beliefs}
    total = next(iter(beliefs.values()))
    attrs = {**result.draws.attrs, "rows_refined": int((~np.isnan(total[:, 0, 0])).sum())}
    return replace(result, refined=beliefs, draws=replace(result.draws, attrs=attrs))


def _places(result: Result, rows: Any) -> np.ndarray:
    """Places of row labels among the fitted rows."""
    labels = [rows] if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable) else list(rows)
    index = result.values.rows
    unknown = [label for label in labels if label not in index]
    if unknown or not labels:
        what = f"no row is labelled {unknown[0]!r}" if unknown else "no row is named"
        raise NotAvailable(
            f"refine: {what}; the fitted rows are {index[0]!r} to {index[-1]!r}, {len(index)} in number. "
            "Leave rows out to refine all that need it"
        )
    return np.flatnonzero(index.isin(labels))


def _placed(result: Result, name: str, places: np.ndarray, found: Gap, chosen: np.ndarray) -> np.ndarray:
    """Refined beliefs among those of all fitted rows, (N, 2, Z)."""
    own = found.beliefs[name]
    whole = np.full((count(result.values), *own.shape[1:]), np.nan)
    whole = result.refined.get(name, whole).copy()
    whole[places] = own[chosen]
    return whole
