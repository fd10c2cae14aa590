"""How the command reads its line: errors end with code 2, and `--x eruptions,waiting` names columns."""

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from latentprob.errors import LatentprobError

COLUMNS = "latentprob.columns"


class Commands(TyperGroup):
    """A mistake in what was given is one message and exit code 2; any other error keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except LatentprobError as error:
            typer.echo(f"{type(error).__name__}: {error}", err=True)
            raise typer.Exit(2) from None


class WithColumns(TyperCommand):
    """Options that are not the command's own name variables of the model: `--x eruptions,waiting`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the options named after variables out of the line, and parse the rest."""
        known = {name for parameter in self.params for name in (*parameter.opts, *parameter.secondary_opts)}
        rest, columns = split_columns(args, known | {"--help"})
        ctx.meta[COLUMNS] = columns
        return super().parse_args(ctx, rest)


def split_columns(args: list[str], known: set[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The arguments without, and the columns of, every option that is not known: `--x a,b` or `--x=a,b`."""
    rest: list[str] = []
    columns: dict[str, list[str]] = {}
    line = iter(args)
    for word in line:
        name, equals, value = word.partition("=")
        if not word.startswith("--") or len(name) == 2 or name in known:
            rest.append(word)
            continue
        listed = value if equals else next(line, "")
        columns[name[2:]] = [column.strip() for column in listed.split(",") if column.strip()]
    return rest, columns


def chosen_columns(context: typer.Context) -> dict[str, list[str]]:
    """The columns named on the line, by variable."""
    return context.meta[COLUMNS]
