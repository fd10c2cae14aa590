"""The models that ship with the library, each a text file."""

from pathlib import Path

from latentprob.errors import ModelError
from latentprob.spec.component import nearest

PACKAGE = Path(__file__).parent
FOLDERS = (PACKAGE / "_models", PACKAGE.parent / "models")  # of an installed package, of the source tree


def names() -> tuple[str, ...]:
    """The names of the models that ship.

    >>> "vae" in names()
    True
    """
    return tuple(sorted(file.stem for file in _folder().glob("*.latent")))


def path(name: str) -> Path:
    """The file of a model that ships.

    >>> path("vae").name
    'vae.latent'
    """
    if name not in names():
        close = nearest(name, names())
        instead = f"; write {close!r}" if close else ""
        raise ModelError(f"no model '{name}' ships with latentprob{instead}. It has {', '.join(names())}")
    return _folder() / f"{name}.latent"


def _folder() -> Path:
    return next(folder for folder in FOLDERS if folder.is_dir())
