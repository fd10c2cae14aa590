"""Model files: a model as a short text, `NAME.latent`."""

from pathlib import Path

from latentprob.errors import FileError
from latentprob.spec.model import Model


def read_model(path: str | Path) -> Model:
    """The model in a text file."""
    return Model.read(path)


def save_model(model: Model, path: str | Path) -> None:
    """Writes a model's text to a file."""
    try:
        Path(path).write_text(f"{model}\n", encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise FileError(f"{path} cannot be written ({error.strerror}); give a file in a folder that exists") from None
