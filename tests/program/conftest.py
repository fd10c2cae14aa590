"""Makes the modules beside it importable by the tests: the cases, and the reference that they are held to."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
