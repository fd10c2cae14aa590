"""Writes the compiled program beside each model file of a folder: python -m latentprob.program.write models/."""

import sys
from collections.abc import Sequence
from pathlib import Path

from latentprob.program.build import compile
from latentprob.spec.model import Model


def source(path: Path) -> str:
    """The program of a model file, for data without gaps."""
    return compile(Model.read(path)).source


def main(folders: Sequence[str]) -> None:
    """Compile every model file of the folders."""
    for folder in folders:
        for path in sorted(Path(folder).glob("*.latent")):
            path.with_suffix(".py").write_text(source(path), encoding="utf-8")
            print(path.with_suffix(".py"))


if __name__ == "__main__":
    main(sys.argv[1:])
