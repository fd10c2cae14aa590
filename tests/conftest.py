"""What all tests share. Nothing here may import torch before the thread count is set."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

from hypothesis import settings

# Derandomized: a test that passes here passes everywhere. No deadline: a first call may compile.
settings.register_profile("latentprob", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("latentprob")
