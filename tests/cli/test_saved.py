"""Commands on saved fits, and simulated rows: what they print, write, return and refuse."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import latentprob as lp
from latentprob.cli import app
from latentprob.files.tables import read_table

MIXTURE = lp.Model("c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))")
VALUES = {"c_probs": [0.3, 0.7], "x_loc": [[-5.0, 0.0], [5.0, 100.0]], "x_scale": [[1.0, 1.0], [2.0, 3.0]]}


def run(*words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    c = generator.random(300) < 0.7
    columns = {"a": np.where(c, generator.normal(5, 2, 300), generator.normal(-5, 1, 300))}
    columns["b"] = np.where(c, generator.normal(100, 3, 300), generator.normal(0, 1, 300))
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def good(data: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved fit at the parameters that made the data."""
    folder = tmp_path_factory.mktemp("fits") / "good"
    lp.condition(MIXTURE, VALUES, data).save(folder)
    return folder


@pytest.fixture(scope="module")
def bad(data: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved fit whose budget ended far from the optimum."""
    folder = tmp_path_factory.mktemp("fits") / "bad"
    lp.fit(MIXTURE, data, lp.SVI(steps=8, restarts=1, draws=30), progress=False).save(folder)
    return folder


def test_a_fit_without_failures_is_code_0(good: Path) -> None:
    code, shown, errors = run("diagnose", good)
    diagnosis = lp.load(good).diagnose()
    assert diagnosis.ok
    assert (code, errors) == (0, "")
    assert diagnosis.verdict in shown
    for question, findings in diagnosis.by_question():
        assert question in shown
        assert all(finding.sentence in shown for finding in findings)


def test_a_failing_fit_is_code_1(bad: Path) -> None:
    code, shown, _ = run("diagnose", bad)
    assert code == 1
    assert shown.startswith("Do not rely on this fit")
    assert "give the fit more steps" in shown


def test_a_report_is_the_fits_own(good: Path, tmp_path: Path) -> None:
    code, shown, errors = run("report", good, "--out", tmp_path / "page.html")
    assert (code, shown, errors) == (0, f"wrote {tmp_path / 'page.html'}\n", "")
    lp.load(good).report(tmp_path / "own.html")
    assert (tmp_path / "page.html").read_bytes() == (tmp_path / "own.html").read_bytes()


def test_rows_of_a_fit_have_its_law_and_its_columns(good: Path, tmp_path: Path) -> None:
    code, shown, errors = run("simulate", good, "--rows", 4000, "--seed", 2, "--out", tmp_path / "rows.csv")
    assert (code, errors) == (0, "")
    assert shown == f"wrote {tmp_path / 'rows.csv'}: 4000 rows of a, b\n"
    table = read_table(tmp_path / "rows.csv")
    assert list(table.columns) == ["a", "b"]
    upper = table["b"] > 50
    assert upper.mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / 4000))
    assert table["a"][upper].mean() == pytest.approx(5, abs=4 * 2 / np.sqrt(2800))
    assert table["b"][~upper].std() == pytest.approx(1, abs=0.1)


def test_the_same_seed_gives_the_same_rows_and_latents_on_demand(good: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert run("simulate", good, "--rows", 20, "--latents", "--out", tmp_path / f"{name}.parquet")[0] == 0
    first, second = (read_table(tmp_path / f"{name}.parquet") for name in ("first", "second"))
    pd.testing.assert_frame_equal(first, second)
    assert list(first.columns) == ["c", "a", "b"]
    np.testing.assert_array_equal(first["c"] == 1, first["b"] > 50)


def test_rows_of_a_model_come_from_its_prior(tmp_path: Path) -> None:
    words = ("simulate", "factor_analysis", "--features", 3, "--rows", 7, "--seed", 5, "--out", tmp_path / "rows.csv")
    assert run(*words, "--latents")[0] == 0
    table = read_table(tmp_path / "rows.csv")
    assert list(table.columns) == ["z_0", "z_1", "x_0", "x_1", "x_2"]
    own = lp.simulate(lp.Model.read(lp.models.path("factor_analysis")), 7, 5, features=3)
    np.testing.assert_allclose(table[["x_0", "x_1", "x_2"]], own["x"])


def test_rows_of_a_model_on_the_scale_of_a_table(data: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "line.latent").write_text("y ~ Normal(loc=Linear(a), scale=0.5)\n")
    data.rename(columns={"b": "y"}).to_csv(tmp_path / "table.csv", index=False)
    words = ("simulate", tmp_path / "line.latent", "--data", tmp_path / "table.csv", "--out", tmp_path / "rows.csv")
    assert run(*words)[0] == 0
    table = read_table(tmp_path / "rows.csv")
    assert list(table.columns) == ["a", "y"]
    assert set(table["a"].round(6)) <= set(data["a"].round(6))


WRONG = {
    "no such fit": ("diagnose {tmp}/none", "FileError.*none does not exist"),
    "no fit in the folder": ("report {tmp} --out {tmp}/page.html", r"FileError.*lacks fit\.json"),
    "a folder for the page": ("report {good} --out {tmp}", "FileError.*is a folder"),
    "no folder for the page": ("report {good} --out {tmp}/no/page.html", "FileError.*no does not exist"),
    "another format": ("simulate {good} --out {tmp}/rows.xlsx", "FileError.*csv or .parquet"),
    "no rows": ("simulate {good} --rows 0 --out {tmp}/rows.csv", "rows=0"),
    "features of a fit": ("simulate {good} --features 3 --out {tmp}/rows.csv", "--features belongs to a model"),
    "features unknown": ("simulate gaussian_mixture --out {tmp}/rows.csv", "DataError.*size=2"),
    "a network": ("simulate vae --features 4 --out {tmp}/rows.csv", "NotAvailable.*network"),
    "no such model": ("simulate gausian_mixture --out {tmp}/rows.csv", "ModelError.*gaussian_mixture"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_message_and_code_2(good: Path, tmp_path: Path, case: str) -> None:
    words, message = WRONG[case]
    code, _, errors = run(*words.format(tmp=tmp_path, good=good).split())
    assert code == 2
    assert re.search(message, " ".join(errors.replace("│", " ").split()), re.DOTALL), errors
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())
