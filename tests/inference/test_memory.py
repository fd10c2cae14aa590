"""Memory of a fit by minibatches: the data, a copy or two of them, and nothing else that grows with the rows."""

import subprocess
import sys
from pathlib import Path

import pytest

CLEAR = Path("/proc/self/clear_refs")  # Linux: 5 written to it starts a process's peak anew
COPIES = 3.5  # of the data, at most; statistics of all rows would be 11 of them, responsibilities by feature 3 more
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import latentprob as lp

text, method = sys.argv[1], eval(sys.argv[2])

def status(name):
    line = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(name))
    return 1024 * int(line.split()[1])

x = np.random.default_rng(0).random((200_000, 20))
x[:100_000] += 1
model = lp.Model(text)
lp.fit(model, {"x": x[:2_000]}, method, progress=False)
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
lp.fit(model, {"x": x}, method, progress=False)
print((status("VmHWM") - before) / x.nbytes)
"""
CASES = {
    "natural gradients": (
        "c ~ Categorical(size=3)\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))",
        "lp.NaturalGradient(restarts=1, refine=False, draws=10, steps=2)",
    ),
    "stochastic gradients": (
        "z ~ Normal(0, 1, size=2)\nx ~ Normal(loc=MLP(z, hidden=[4]), scale=Shared())",
        "lp.SVI(restarts=1, refine=False, draws=10, steps=10, batch=100, compile=False)",
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(not CLEAR.exists(), reason="the peak of a process is read from Linux")
@pytest.mark.parametrize("name", CASES)
def test_memory_grows_as_the_data_do(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *CASES[name]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < COPIES
