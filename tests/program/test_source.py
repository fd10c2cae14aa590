"""The emitted text: how it is formatted, what it imports, and that it runs alone."""

import ast
import re
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from program_cases import CHAINS, CLOSED, EMBEDDED, FILES, HELD, PARTLY, SHIPPED, TEXTS, Case, cases

from latentprob import models
from latentprob.program import write
from latentprob.spec.model import Model

ALL = {**cases(TEXTS), **cases(CHAINS), **PARTLY, **HELD}
POINTS = {f"{name}, point": replace(case, point=True) for name, case in ALL.items()}
DRAWN = {f"{name}, not collapsed": replace(case, collapse=False) for name, case in cases(SHIPPED).items()}
COMPUTED = {name: Case(text) for name, text in EMBEDDED.items()}
EVERY = {**ALL, **POINTS, **DRAWN, **COMPUTED}
ALLOWED = {"math", "pyro", "torch"}
BLOCK = """
import sys, importlib.abc
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] == "latentprob":
            raise ImportError("latentprob is out of reach")
sys.meta_path.insert(0, Block())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every program as a file of its own."""
    path = tmp_path_factory.mktemp("programs")
    for name, case in EVERY.items():
        case.program.save(path / f"{re.sub('[^a-z0-9]+', '_', name)}.py")
    return path


@pytest.mark.parametrize(
    "command", [["format", "--diff"], ["check", "--select", "E9,F,I,B,UP"]], ids=["format", "lint"]
)
def test_ruff_leaves_the_text_as_it_is(folder, command):
    arguments = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(folder)]
    found = subprocess.run(arguments, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout[:5000] + found.stderr[:1000]
    assert len(list(folder.iterdir())) == len(EVERY)


@pytest.mark.parametrize("case", EVERY.values(), ids=EVERY)
def test_text_stands_alone(case):
    tree = ast.parse(case.program.source)
    imported = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.name for node in imported if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in imported if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= ALLOWED
    assert "Program" in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


@pytest.mark.parametrize("name", FILES)
def test_shipped_program_is_the_compiled_model(name):
    path = models.path(name)
    assert path.with_suffix(".py").read_text() == write.source(path), "run: make models"
    assert FILES[name].startswith("#")


def test_write_makes_the_programs_beside_the_models(tmp_path):
    (tmp_path / "two.latent").write_text("c ~ Categorical(size=2)\nx ~ Poisson(rate=Table(c))")
    write.main([str(tmp_path)])
    assert "class Program(PyroModule)" in (tmp_path / "two.py").read_text()


@pytest.mark.parametrize("name", ["gaussian_mixture", "mixture_of_factor_analysers", "mixture_vae", "gplvm", "linear"])
def test_saved_program_fits_without_latentprob(name, tmp_path):
    Case({**FILES, **EMBEDDED}[name]).program.save(tmp_path / "program.py")
    (tmp_path / "run.py").write_text(
        BLOCK
        + """
import inspect
sys.path.insert(0, sys.argv[1])
import pyro, torch
from pyro.infer import SVI, Trace_ELBO
from program import Program
torch.manual_seed(0)
x = (torch.randn(50, 3) > 0).float() if "vae" in sys.argv[2] else torch.randn(50, 3).double()
names = list(inspect.signature(Program).parameters)
module = Program(**{n: x.mean(0) if n == "x_center" else x.std(0) for n in names if n != "parameter_guide"})
module = module.to(x.dtype)
svi = SVI(module.marginal, module.guide, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO())
losses = [svi.step(x, 50) for _ in range(40)]
assert all(torch.isfinite(torch.tensor(losses)))
assert sum(losses[-5:]) < sum(losses[:5]), losses
assert not any(m.startswith("latentprob") for m in sys.modules)
try:
    import latentprob
except ImportError:
    print("done")
"""
    )
    command = [sys.executable, "-I", str(tmp_path / "run.py"), str(tmp_path), name]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.stdout.strip() == "done", found.stderr


def test_save_replaces_a_file_whole(tmp_path):
    program = Case(CLOSED["factors"]).program
    program.save(tmp_path / "a.py")
    program.save(tmp_path / "a.py")
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]
    assert (tmp_path / "a.py").read_text() == program.source


def test_traceback_shows_the_line_of_the_program():
    case = Case(CLOSED["factors"])
    with pytest.raises(RuntimeError) as caught:
        case.module.joint((torch.zeros(4), torch.zeros(2, 4), torch.ones(4)), torch.zeros(7, 3).double())
    text = "".join(traceback.format_exception(caught.value))
    assert "normal_log_prob(x, x_loc_intercept, x_scale, self.x_center)" in text
    assert case.program.filename in text


def test_docstring_holds_the_model():
    case = Case(CLOSED["factors by level"])
    doc = ast.get_docstring(ast.parse(case.program.source))
    assert Model(doc.split("\n\n", 1)[1]) == case.model


def test_one_text_for_all_data():
    small, large = Case(CLOSED["normal, diagonal"]), Case(CLOSED["normal, diagonal"])
    module = large.program.build({"x_center": torch.zeros(9), "x_spread": torch.ones(9)})
    assert small.program.source == large.program.source
    assert module.x_size == 9
    assert Path(models.path("vae")).exists()
