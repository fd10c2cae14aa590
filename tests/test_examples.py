"""Every public name has an example, and every example in the package runs."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import latentprob as lp

MODULES = sorted(m.name for m in pkgutil.walk_packages(lp.__path__, "latentprob."))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", lp.__all__)
def test_a_public_name_has_an_example(name):
    found = getattr(lp, name)
    assert found.__doc__
    documented = inspect.getdoc(found) or ""
    members = [m for m in vars(found).values() if inspect.isroutine(m)]
    shown = [documented, *[inspect.getdoc(m) or "" for m in members]]
    assert any(">>>" in text for text in shown), f"lp.{name} has no example"
