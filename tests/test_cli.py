"""The command: what it prints, writes and refuses. Fits are tiny."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import latentprob as lp
from latentprob.cli import app
from latentprob.cli.options import split_columns
from latentprob.cli.show import console, show_diagnosis, table
from latentprob.diagnostics import Diagnosis, Finding

MIXTURE = "c ~ Categorical(size=2)\nx ~ Normal(loc=Table(c), scale=Table(c))\n"


def fill(folder: Path) -> None:
    """A model, and a table of two well separated groups."""
    (folder / "mixture.latent").write_text(MIXTURE)
    rows = np.random.default_rng(0).normal(size=(40, 2)) + np.repeat([[-5.0], [5.0]], 20, axis=0)
    pd.DataFrame(rows, columns=["a", "b"]).assign(k=1.0).to_csv(folder / "table.csv", index=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a model and a table."""
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    result = CliRunner().invoke(app, list(words))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_version() -> None:
    assert run("--version") == (0, f"latentprob {lp.__version__}\n", "")


def test_help_is_quick_and_loads_no_torch() -> None:
    code = (
        "import sys\nfrom latentprob.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'pyro', 'numpy', 'pandas', 'xarray'} & set(sys.modules)))"
    )
    seconds = []
    for _ in range(5):  # the quickest: the others may have waited for a core
        start = time.perf_counter()
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1
    assert all(word in shown for word in ("compile", "fit", "diagnose", "compare", "report", "simulate", "demo"))
    assert shown.endswith("[]\n")


@pytest.mark.parametrize(
    ("line", "rest", "columns"),
    [
        (["m", "d", "--x", "a,b"], ["m", "d"], {"x": ["a", "b"]}),
        (["--x", "a,b", "m", "d"], ["m", "d"], {"x": ["a", "b"]}),
        (["m", "--x=a, b", "--seed", "3"], ["m", "--seed", "3"], {"x": ["a", "b"]}),
        (["--seed=3", "--x", "a", "--y", "b"], ["--seed=3"], {"x": ["a"], "y": ["b"]}),
        (["m", "--x"], ["m"], {"x": []}),
    ],
)
def test_columns_are_taken_out_of_the_line(line: list[str], rest: list[str], columns: dict[str, list[str]]) -> None:
    assert split_columns(line, {"--seed", "--help"}) == (rest, columns)


def test_compile_prints_the_program_as_it_is() -> None:
    code, shown, errors = run("compile", "gaussian_mixture")
    model = lp.Model.read(lp.models.path("gaussian_mixture"))
    assert (code, errors) == (0, "")
    assert shown == lp.compile(model, observed=["x"]).source


def test_compile_saves_a_file_with_gaps_and_named_variables(folder: Path) -> None:
    code, shown, _ = run("compile", "mixture.latent", "--observed", "x", "--missing", "x", "-o", "program.py")
    assert (code, shown) == (0, "wrote program.py\n")
    assert (folder / "program.py").read_text() == lp.compile(lp.Model(MIXTURE), observed=["x"], missing=["x"]).source


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What `fit` printed, and the folder it wrote."""
    place = tmp_path_factory.mktemp("fitted")
    fill(place)
    files = [str(place / name) for name in ("mixture.latent", "table.csv")]
    settings = "--x a,b --seed 1 --steps 200 --restarts 2 --draws 50"
    code, shown, errors = run("fit", *files, "--out", str(place / "result"), *settings.split())
    assert code == 0, errors
    return shown, place / "result"


def test_fit_prints_and_saves(fitted: tuple[str, Path]) -> None:
    shown, path = fitted
    for part in ("c ~ Categorical(size=2)", "x_loc[0, a]", "saved to"):
        assert part in shown
    saved = lp.load(path)
    assert list(saved.posterior["feature"].values) == ["a", "b"]
    assert saved.seed == 1
    assert saved.diagnose().verdict in shown


def test_fit_replaces_a_fit(folder: Path, fitted: tuple[str, Path]) -> None:
    shutil.copytree(fitted[1], folder / "result")
    words = "fit mixture.latent table.csv --x a --out result --steps 40 --restarts 1 --draws 20"
    assert run(*words.split())[0] == 0
    assert list(lp.load(folder / "result").posterior["feature"].values) == ["a"]


def test_compare_prints_a_table_and_draws(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 200)
    table = pd.read_csv("table.csv").drop(columns="k").assign(group=["low"] * 20 + ["high"] * 20)
    table.to_csv("labelled.csv", index=False)
    words = "compare mixture.latent labelled.csv --labels group --bootstraps 2 --holdout 0.25 --out pair.png"
    code, shown, _ = run(*words.split())
    assert code == 0
    for part in ("c = Nearest(x, size=2)", "stochastic", "deterministic", "ARI", "wrote pair.png"):
        assert part in shown
    assert re.search(r"ARI +1.00 +1.00", shown)
    assert (folder / "pair.png").stat().st_size > 10_000


WRONG = {
    "no such model": ("fit gausian_mixture table.csv", "ModelError.*gausian_mixture.*gaussian_mixture"),
    "no such labels": (
        "compare mixture.latent table.csv --labels group",
        "FileError.*no column 'group'; it has a, b, k",
    ),
    "no twin": ("compare poisson_mixture table.csv", "ModelError.*no deterministic twin"),
    "no such model file": ("compile nothing.latent", "FileError.*nothing.latent"),
    "model with a mistake": ("compile wrong.latent", "ModelError.*Normall"),
    "no such table": ("fit mixture.latent nothing.csv", "FileError.*nothing.csv"),
    "table of another kind": ("fit mixture.latent mixture.latent", "FileError.*latent"),
    "no such column": ("fit mixture.latent table.csv --x a,bb", "DataError.*bb"),
    "no such variable": ("fit mixture.latent table.csv --y a", "--y is no option.*c, x"),
    "a typing error": ("fit mixture.latent table.csv --sed 1", "Did you mean --seed"),
    "option without columns": ("fit mixture.latent table.csv --x", "DataError.*x"),
    "setting of another inference": (
        "fit mixture.latent table.csv --inference nuts --restarts 3",
        "InferenceError.*restarts",
    ),
    "setting out of range": ("fit mixture.latent table.csv --draws -3", "InferenceError.*draws"),
    "no such inference": ("fit mixture.latent table.csv --inference mcmc", "mcmc.*svi"),
    "folder of something else": ("fit mixture.latent table.csv --out mine", "FileError.*mine"),
    "unknown command": ("fitt mixture.latent", "fitt"),
    "constant column": ("fit mixture.latent table.csv --x k", "DataError.*k"),
    "no folder for the program": ("compile mixture.latent -o no/program.py", "FileError.*no/program.py"),
    "folder for the program": ("compile mixture.latent -o mine", "FileError.*mine"),
    "no folder for the fit": ("fit mixture.latent table.csv --out no/fit", "FileError.*no/fit"),
    "compile, no such variable": ("compile mixture.latent --observed y", "Error.*y"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_message_and_code_2(folder: Path, case: str) -> None:
    (folder / "wrong.latent").write_text("x ~ Normall(0, 1)\n")
    (folder / "mine").mkdir()
    (folder / "mine" / "diary.txt").write_text("dear diary")
    words, message = WRONG[case]
    code, _, errors = run(*words.split())
    assert code == 2
    assert re.search(message, errors, re.DOTALL), errors
    assert "Traceback" not in errors
    assert (folder / "mine" / "diary.txt").read_text() == "dear diary"


def test_an_unexpected_error_keeps_its_traceback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("latentprob.program.compile", broken)
    with pytest.raises(ZeroDivisionError, match="a fault of ours"):
        run("compile", "mixture.latent")


@pytest.mark.slow
def test_demo_writes_its_figures(tmp_path: Path) -> None:
    code, shown, errors = run("demo", "--out", str(tmp_path / "demo"))
    assert code == 0, errors
    figures = {path.stem for path in (tmp_path / "demo").glob("*.png")}
    assert {
        "faithful_components",
        "holzinger_swineford_loadings",
        "digits_latent_space",
        "digits_reconstructions",
    } <= figures
    for part in ("Old Faithful", "class Program", "Handwritten digits"):
        assert part in shown


def test_numbers_are_short_and_names_are_not_markup() -> None:
    summary = pd.DataFrame({"mean": [1234.5678, 0.00012345], "r_hat": [1.0, np.nan]}, index=["x[a]", "[bold]y"])
    with console.capture() as shown:
        console.print(table(summary, rows=1))
    assert re.search(r"x\[a\]\s+1,235\s+1\.00\s", shown.get())
    assert "1 more in" in shown.get()
    assert "y" not in shown.get().replace("fit.summary()", "")


def test_diagnosis_shows_verdict_and_remedies() -> None:
    settled = Finding("Did the optimization end?", "bound", "ok", "it settled", 0.1)
    apart = Finding("Did the optimization end?", "R-hat", "fail", "at most 3 [of x]", 3, 1.01, "fit longer")
    with console.capture() as shown:
        show_diagnosis(Diagnosis((settled, apart)))
    lines = [line.strip() for line in shown.get().splitlines()]
    assert lines == [
        "Do not rely on this fit: R-hat fails.",
        "",
        "Did the optimization end?",
        "✓ bound: it settled",
        "✗ R-hat: at most 3 [of x]",
        "fit longer",
    ]
