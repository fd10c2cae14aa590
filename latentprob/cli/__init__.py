"""The command `latentprob`: compile, fit, demo.

Only typer and rich are imported here: `latentprob --help` answers at once.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from latentprob.cli.options import Commands, WithColumns, chosen_columns

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Probabilistic latent-variable models from a few statements.",
)

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="A model file, or the name of one that ships.")]


class Inference(StrEnum):
    """The inferences that the command offers."""

    svi = "svi"
    nuts = "nuts"


def version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"latentprob {version('latentprob')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command as a whole."""


@app.command("compile")
def compile_model(
    model: ModelName,
    observed: Annotated[list[str] | None, typer.Option(help="A variable in the data; repeat for several.")] = None,
    missing: Annotated[
        list[str] | None, typer.Option(help="An observed variable with gaps; repeat for several.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the program there.")] = None,
) -> None:
    """Print the Pyro program of a model, or save it.

    Without --observed, the data hold the inputs and the variables without
    children.
    """
    from latentprob.cli.inputs import check_file, default_observed, read_model
    from latentprob.program import compile

    if output is not None:
        check_file(output)
    found = read_model(model)
    program = compile(found, observed=observed or default_observed(found), missing=missing or [])
    if output is None:
        typer.echo(program.source, nl=False)
    else:
        program.save(output)
        typer.echo(f"wrote {output}")


@app.command("fit", cls=WithColumns)
def fit_model(
    context: typer.Context,
    model: ModelName,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A table: .csv, .parquet or .npy.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the fit.", show_default="MODEL_fit")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 0,
    inference: Annotated[Inference | None, typer.Option(help="By the model's structure, if left out.")] = None,
    draws: Annotated[int | None, typer.Option(help="Posterior draws of each chain.")] = None,
    restarts: Annotated[int | None, typer.Option(help="Starts of SVI.")] = None,
    steps: Annotated[int | None, typer.Option(help="The most steps that SVI may take.")] = None,
    chains: Annotated[int | None, typer.Option(help="Chains of NUTS.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Warmup steps of each chain of NUTS.")] = None,
) -> None:
    """Fit a model to a table: print the summary and the verdict, save the fit.

    A variable is made of the columns that an option of its name lists:
    --x eruptions,waiting. Else a column feeds the variable of its name, and
    the other numeric columns feed the one variable that has none.
    """
    from latentprob.cli.inputs import check_columns, check_folder, read_model, settings
    from latentprob.cli.show import console, show_model, show_result
    from latentprob.files.tables import read_table
    from latentprob.fitting import fit

    folder = out or Path(f"{Path(model).stem}_fit")
    check_folder(folder)
    found = read_model(model)
    given: dict[str, Any] = {"draws": draws, "restarts": restarts, "steps": steps, "chains": chains, "warmup": warmup}
    method = settings(inference, given)
    columns = chosen_columns(context)
    check_columns(found, columns, [parameter.name for parameter in context.command.params])
    table = read_table(data)
    show_model(found)
    result = fit(found, table, method, seed=seed, observed=columns)
    show_result(result)
    result.save(folder)
    console.print(f"saved to {folder}; read it with lp.load({str(folder)!r})")


@app.command("demo")
def run_demo(out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("demo")) -> None:
    """Fit three models to real data, and draw what they found."""
    from latentprob.cli.demo import demo

    demo(out)


def main() -> None:
    """Run the command."""
    app()
