"""What can go wrong, as one tree.

    LatentprobError
    ├── ModelError       the statements: what was written has no meaning (line, column, caret)
    ├── DataError        the data do not fit the model, or are unusable as they are
    ├── InferenceError   the fit could not be made with these settings
    ├── FileError        a file or folder is not what it should be
    └── NotAvailable     the question has no answer for this fit, and why

    UserWarning
    └── UnseenLevels     new rows name levels of a factor that the fitted data lack

Every message names the place, the value, what is allowed and the way out.

>>> issubclass(ModelError, LatentprobError)
True
"""

from collections.abc import Sequence


class LatentprobError(Exception):
    """Base of all errors that the library raises on purpose."""


class ModelError(LatentprobError, ValueError):
    """The statements have no meaning as they stand.

    at: the way to what is wrong: the variable, the argument, the position in a sum or list, ...
    line, column: where that stands in the text, both from 1; None for a model made of Python objects.
    """

    def __init__(
        self, message: str, *, at: Sequence[str | int] = (), line: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(message)
        self.at = tuple(at)
        self.line = line
        self.column = column


class DataError(LatentprobError, ValueError):
    """The data do not fit the model."""


class InferenceError(LatentprobError, ValueError):
    """The inference cannot be run with these settings on this model and these data."""


class FileError(LatentprobError, OSError):
    """A file or folder is missing, damaged, or of another kind."""


class UnseenLevels(UserWarning):
    """New rows name levels of a factor that the fitted data lack; their belief is the prior's."""


class NotAvailable(LatentprobError):
    """This fit has no answer to the question; the message says why and what to ask instead."""
