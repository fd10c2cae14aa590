"""The benchmarks run at a small size, so that they cannot rot; nothing is asserted of their times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "steps.py"


@pytest.mark.slow
def test_the_table_of_steps_is_written(tmp_path):
    file = tmp_path / "steps.json"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--quick", "--json", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    assert len(found) == 3
    assert all(times["ours"] > 0 and times["Pyro"] > 0 for times in found.values())
