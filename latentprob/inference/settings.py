"""What all inference settings share: frozen fields, and an error that names the nearest known one."""

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from latentprob.errors import InferenceError


class Settings(BaseModel):
    """Settings are fields; they are checked once, when they are made."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def __init__(self, **values: Any) -> None:
        known = list(type(self).model_fields)
        for name in values:
            if name not in known:
                raise InferenceError(_unknown(type(self).__name__, name, known))
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InferenceError(_refused(type(self), error)) from None

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Only what differs from the defaults."""
        fields = type(self).model_fields
        return [(name, value) for name, value in dict(self).items() if value != fields[name].default]

    def changed(self, **values: Any) -> "Settings":
        """The same settings with other values of some fields, checked again."""
        return type(self)(**{**dict(self), **values})


def _unknown(method: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"{method} has no setting '{name}'; {hint}its settings are {', '.join(known)}"


def _refused(method: type[Settings], error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    field = method.model_fields[name]
    return (
        f"{method.__name__}({name}={first['input']!r}): {first['msg'].lower()}. "
        f"{name}: {field.description}; the default is {field.default!r}"
    )
