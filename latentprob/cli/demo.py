"""Three models on real data, with figures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.markup import escape
from sklearn.datasets import load_digits

from latentprob import plots
from latentprob.cli.show import console, show_model, show_program, show_result
from latentprob.datasets import load
from latentprob.fitting import Fit, fit
from latentprob.spec.model import Model

INK_ABOVE = 7  # of 16 grey levels; a pixel above it is black


@dataclass(frozen=True)
class Study:
    """A model, the data it is fitted to, and the figures of the fit by file name."""

    title: str
    model: str
    data: Callable[[], pd.DataFrame]
    figures: dict[str, Callable[[Fit], Axes]]


def digits() -> pd.DataFrame:
    """Binarized 8 x 8 images of handwritten digits, (1797, 64)."""
    return pd.DataFrame((load_digits().data > INK_ABOVE).astype(float)).add_prefix("p")


def holzinger_swineford() -> pd.DataFrame:
    """Nine tests of mental ability, (301, 9)."""
    return load("holzinger_swineford").filter(regex=r"^x\d")


def observed(found: Fit) -> xr.DataArray:
    """The fitted rows of x, (row, feature)."""
    return found.tree["observed_data"].to_dataset()["x"]


def faithful_components(found: Fit) -> Axes:
    """The two components over the scatter of eruptions and waiting times."""
    return plots.components(
        observed(found),
        found.latent("c")["probs"],
        found.posterior["x_loc"],
        found.posterior["x_covariance"],
        title="Old Faithful: two kinds of eruption",
    )


def factor_loadings(found: Fit) -> Axes:
    """What each factor means, by test."""
    return plots.loadings(found.posterior["x_loc_weights"], title="Holzinger and Swineford: three abilities")


def digit_space(found: Fit) -> Axes:
    """Where the digits lie in the latent space, with the widths of the beliefs."""
    belief = found.latent("z")
    first = np.argsort(-belief["loc"].var(axis=0).values)[:2]
    return plots.latent_space(
        belief["loc"],
        belief["scale"],
        labels=load_digits().target,
        dims=(int(first[0]), int(first[1])),
        title="Digits in the latent space; rings are one sd of the belief",
    )


def digit_images(found: Fit) -> Axes:
    """Digits beside what is left of them after two numbers."""
    return plots.reconstructions(
        observed(found), found.reconstruct()["x"], title="Digits, and what two numbers keep of them"
    )


def bound_by_step(found: Fit) -> Axes:
    """The climb of the bound."""
    return plots.bound(found.tree["sample_stats"].to_dataset(), title="Digits: the bound by step")


STUDIES = (
    Study(
        "Old Faithful: a mixture of two normals",
        "c ~ Categorical(size=2)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))",
        lambda: load("faithful"),
        {"faithful_components": faithful_components},
    ),
    Study(
        "Holzinger and Swineford: factor analysis",
        "z ~ Normal(0, 1, size=3)\nx ~ Normal(loc=Linear(z), scale=PerFeature())",
        holzinger_swineford,
        {"holzinger_swineford_loadings": factor_loadings},
    ),
    Study(
        "Handwritten digits: a variational autoencoder",
        "z ~ Normal(0, 1, size=2)\nx ~ Bernoulli(logits=MLP(z, hidden=[256]))",
        digits,
        {"digits_latent_space": digit_space, "digits_reconstructions": digit_images, "digits_bound": bound_by_step},
    ),
)


def demo(folder: Path) -> None:
    """Fit every study, print what was found, and write its figures into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for study in STUDIES:
        console.rule(f"[bold]{escape(study.title)}[/bold]", align="left")
        model = Model(study.model)
        show_model(model)
        found = fit(model, study.data(), seed=0)
        show_program(found.program)
        show_result(found)
        for name, figure in study.figures.items():
            console.print(f"wrote {save(figure(found), folder / f'{name}.png')}")
        console.print()


def save(ax: Axes, path: Path) -> Path:
    """Write the figure of the axes, and forget it."""
    figure = cast(Figure, ax.figure)
    figure.savefig(path, dpi=160)
    plt.close(figure)
    return path
