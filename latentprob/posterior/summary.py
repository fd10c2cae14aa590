"""Parameters in a table, with what is known of their precision."""

import arviz_stats
import numpy as np
import pandas as pd
import xarray as xr
from arviz_base.labels import BaseLabeller
from arviz_base.sel_utils import xarray_sel_iter

CI_PROB = 0.89  # ArviZ's default, passed on because its versions differ


def summary(posterior: xr.Dataset) -> pd.DataFrame:
    """One row a number: mean, sd, equal-tailed interval, R-hat, effective sample sizes, Monte Carlo errors.

    Of a point estimate there is the estimate alone.
    """
    if not posterior.data_vars:
        return pd.DataFrame(columns=["mean"])
    if posterior.sizes["draw"] == 1:
        return _estimates(posterior)
    # ArviZ 0.8 labels the numbers of a variable in the order of the dataset's dims: one variable at a time is safe.
    return pd.concat([_of_variable(posterior[[name]]) for name in posterior.data_vars])


def _of_variable(posterior: xr.Dataset) -> pd.DataFrame:
    groups = xr.DataTree.from_dict({"posterior": posterior})
    with np.errstate(invalid="ignore", divide="ignore"):  # a constant entry has no R-hat
        found = arviz_stats.summary(groups, ci_kind="eti", ci_prob=CI_PROB, round_to="none")
    return pd.DataFrame(found).astype(float)


def _estimates(posterior: xr.Dataset) -> pd.DataFrame:
    labeller, rows = BaseLabeller(), {}
    for name, where, at in xarray_sel_iter(posterior, skip_dims={"chain", "draw"}):
        rows[labeller.make_label_flat(name, where, at)] = float(np.mean(posterior[name].sel(where).values))
    return pd.DataFrame({"mean": pd.Series(rows, dtype=float)})
