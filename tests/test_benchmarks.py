"""The benchmarks run at a small size, so that they cannot rot; nothing is asserted of their times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def quick(script: str, file: Path) -> dict:
    command = [sys.executable, BENCHMARKS / script, "--quick", "--json", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text())


@pytest.mark.slow
def test_the_table_of_steps_is_written(tmp_path):
    found = quick("steps.py", tmp_path / "steps.json")
    assert len(found) == 3
    assert all(times["ours"] > 0 and times["Pyro"] > 0 for times in found.values())


@pytest.mark.slow
def test_the_table_of_fits_is_written(tmp_path):
    found = quick("fits.py", tmp_path / "fits.json")
    assert len(found) == 7
    for work in found.values():
        assert len(set(map(len, work["seconds"].values()))) == 1
        assert all(second > 0 for seconds in work["seconds"].values() for second in seconds)
        assert all(score > work["score"]["ours"] - 1 for score in work["score"].values())


@pytest.mark.slow
def test_the_table_of_the_swiss_roll_is_written(tmp_path):
    found = quick("swiss_roll.py", tmp_path / "roll.json")
    assert list(found) == ["PCA", "Isomap", "GP", "MLP"]
    for name in ("Isomap", "GP", "MLP"):
        assert found[name]["angle"] > 0.9 > 0.6 > found["PCA"]["angle"]


@pytest.mark.slow
def test_the_table_of_chains_is_written(tmp_path):
    pytest.importorskip("hmmlearn")
    found = quick("chains.py", tmp_path / "chains.json")
    assert list(found) == ["one chain of 1,000", "10 chains of 100"]
    for work in found.values():
        assert work["ours"]["score"][0] > work["hmmlearn"]["score"][0] - 100


@pytest.mark.slow
def test_the_table_of_diagnoses_is_written(tmp_path):
    found = quick("diagnosis.py", tmp_path / "diagnosis.json")
    assert list(found) == ["Gaussian mixture", "factor analysis"]
    assert all(seconds["diagnosis"] > 0 for seconds in found.values())


@pytest.mark.slow
def test_the_comparison_of_the_digits_has_every_row_filled(tmp_path):
    found = quick("comparison.py", tmp_path / "comparison.json")
    assert list(found) == ["0", "1"]
    only_belief = {"predictive density", "coverage", "information"}
    for table in found.values():
        assert all(line["stochastic"] is not None and line["sentence"] for line in table.values())
        assert {name for name, line in table.items() if line["deterministic"] is None} == only_belief


@pytest.mark.slow
def test_the_table_of_ratings_is_written(tmp_path):
    found = quick("ratings.py", tmp_path / "ratings.json")
    assert found["ours"]["rmse"] < found["sgd"]["rmse"] + 0.02
    assert 0.8 < found["ours"]["coverage"] < 0.97


@pytest.mark.slow
def test_the_table_of_relations_is_written(tmp_path):
    found = quick("relations.py", tmp_path / "relations.json")
    assert all(0 < side["MRR"] <= 1 for side in found.values())
