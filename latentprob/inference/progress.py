"""A progress bar with the bound and its trend."""

import sys

import numpy as np
from tqdm import tqdm


class Progress:
    """Steps done, the best restart's bound in nats, and what it gained in the last window."""

    def __init__(self, total: int, label: str, shown: bool | None) -> None:
        self.bar = tqdm(total=total, desc=label, disable=not (sys.stderr.isatty() if shown is None else shown))
        self.before: float | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def bound(self, done: int, bounds: np.ndarray) -> None:
        """Show the bounds (restart, step) of the last window."""
        means = bounds.mean(1)
        now = float(np.nanmax(means)) if np.isfinite(means).any() else float("nan")
        trend = "" if self.before is None else f" ({now - self.before:+.3g})"
        self.before = now
        self.bar.set_postfix_str(f"bound {now:.6g} nats{trend}")
        self.bar.update(done - self.bar.n)

    def tick(self) -> None:
        """One step more."""
        self.bar.update()
