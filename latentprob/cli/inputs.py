"""What the command is given: models, tables, settings, folders."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from latentprob.errors import FileError
from latentprob.files.archive import RECORD
from latentprob.spec.model import Model

if TYPE_CHECKING:
    from latentprob.inference import NUTS, SVI


def read_model(name: str) -> Model:
    """The model in a file, or of a name that ships."""
    from latentprob import models

    path = Path(name)
    return Model.read(path if path.is_file() or path.suffix or len(path.parts) > 1 else models.path(name))


def default_observed(model: Model) -> list[str]:
    """What the data must hold at least: inputs, and variables without children."""
    return [*model.inputs, *(name for name in model if not model.children(name))]


def check_columns(model: Model, columns: Mapping[str, list[str]], options: list[str | None]) -> None:
    """Refuse an option that is neither the command's nor a variable of the model."""
    known = [*model, *model.inputs]
    for name in columns:
        if name not in known:
            near = get_close_matches(name, [*known, *filter(None, options)], n=1)
            hint = f" Did you mean --{near[0]}?" if near else ""
            raise typer.BadParameter(
                f"--{name} is no option, and the model has no variable of that name: it has {', '.join(known)}.{hint}"
            )


def check_folder(folder: Path) -> None:
    """Refuse, before any work is done, a place for the fit that holds something else."""
    if folder.exists() and not (folder / RECORD).is_file():
        raise FileError(f"{folder} exists and is no saved fit: it is left as it is. Choose another path with --out")
    check_parent(folder)


def check_file(path: Path) -> None:
    """Refuse a place where no file can be written."""
    if path.is_dir():
        raise FileError(f"{path} is a folder; give the path of a file")
    check_parent(path)


def check_parent(path: Path) -> None:
    """The folder that a path lies in must be there."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise FileError(f"{path}: the folder {folder} does not exist; make it first, or choose another path")


def settings(inference: str | None, given: Mapping[str, Any]) -> "SVI | NUTS | None":
    """The inference with the settings that were given; None leaves the choice to the model's structure."""
    from latentprob.inference import NUTS, SVI

    chosen = {name: value for name, value in given.items() if value is not None}
    if inference is None and not chosen:
        return None
    return NUTS(**chosen) if inference == "nuts" else SVI(**chosen)
