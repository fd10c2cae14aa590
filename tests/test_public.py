"""The public names, the models that ship, and model files."""

from pathlib import Path

import pytest

import latentprob as lp
from latentprob.errors import FileError, LatentprobError, ModelError
from latentprob.files.models import read_model, save_model
from latentprob.spec import distributions, dynamics, maps

SHIPPED = (
    "autoencoder",
    "factor_analysis",
    "gaussian_hidden_markov",
    "gaussian_mixture",
    "gplvm",
    "hidden_markov",
    "kmeans",
    "latent_class",
    "mixture_of_factor_analysers",
    "mixture_vae",
    "multi_view",
    "pca",
    "poisson_factorization",
    "poisson_mixture",
    "ppca",
    "state_space",
    "student_mixture",
    "topics",
    "vae",
)


def test_every_component_of_the_language_is_public():
    assert {*distributions.__all__, *dynamics.__all__, *maps.__all__, "Model"} <= set(lp.__all__)


def test_the_public_names_are_sorted_and_listed():
    assert lp.__all__ == sorted(set(lp.__all__)) == dir(lp)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="latentprob has no name 'fitt'; write fit"):
        lp.fitt  # noqa: B018


def test_the_models_that_ship():
    assert set(SHIPPED) <= set(lp.models.names())
    assert isinstance(lp.models.path("vae"), Path)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_model_that_ships_is_its_file(name):
    file = lp.models.path(name)
    statements = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert str(lp.Model.read(file)).splitlines() == statements


def test_an_unknown_model_is_refused():
    with pytest.raises(ModelError, match=r"no model .vea. ships with latentprob; write .vae.. It has autoencoder"):
        lp.models.path("vea")
    with pytest.raises(LatentprobError, match=r"no model '\.\./secret'"):
        lp.models.path("../secret")


def test_a_model_is_saved_and_read(tmp_path):
    model = lp.Model.read(lp.models.path("vae"))
    save_model(model, tmp_path / "mine.latent")
    assert read_model(tmp_path / "mine.latent") == model


def test_a_model_is_not_saved_in_a_folder_that_is_missing(tmp_path):
    with pytest.raises(FileError, match=r"cannot be written .No such file or directory.; give a file in a folder"):
        save_model(lp.Model("x ~ Normal(0, 1)"), tmp_path / "nowhere" / "mine.latent")
