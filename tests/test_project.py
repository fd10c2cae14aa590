"""The project as a whole: what importing it loads, what a wheel carries, what the two commands promise."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("heavy", ["torch", "pyro", "numpy", "pandas", "matplotlib"])
def test_importing_the_package_loads_nothing_heavy(heavy):
    assert heavy not in loaded_by("latentprob")


@pytest.mark.parametrize("name", ["spec", "data", "datasets", "files.tables"])
def test_rooms_below_the_program_load_no_torch(name):
    assert not {"torch", "pyro"} & loaded_by(f"latentprob.{name}")


def test_no_module_shadows_a_public_function():
    import latentprob

    modules = {path.stem for path in (ROOT / "latentprob").iterdir() if path.suffix in ("", ".py")}
    functions = {name for name in latentprob.__all__ if callable(getattr(latentprob, name))}
    assert not modules & functions


def test_every_public_name_is_there():
    import latentprob

    for name in latentprob.__all__:
        assert getattr(latentprob, name) is not None


def test_the_wheel_carries_the_models():
    targets = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert targets["force-include"] == {"models": "latentprob/_models"}
    assert (ROOT / "models").is_dir()


def test_every_requirement_is_pinned():
    def name(requirement: str) -> str:
        return re.split(r"[\[;=<> ]", requirement)[0].lower().replace("_", "-")

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {name(line) for line in lines if not line.startswith("#")}
    needed = {*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]}
    assert {name(requirement) for requirement in needed} <= pinned
