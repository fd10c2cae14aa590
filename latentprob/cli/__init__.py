"""The command `latentprob`: compile, fit, diagnose, compare, report, simulate, demo.

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
SavedFit = Annotated[Path, typer.Argument(metavar="FIT", help="A folder that `latentprob fit` or fit.save wrote.")]


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
    series: Annotated[str | None, typer.Option(help="The column that tells series along an axis apart.")] = None,
) -> None:
    """Fit a model to a table: print the summary and the verdict, save the fit.

    A variable is made of the columns that an option of its name lists:
    --x eruptions,waiting. Else a column feeds the variable of its name, and
    the other numeric columns feed the one variable that has none.
    """
    from latentprob.cli.inputs import check_columns, check_folder, read_model, settings
    from latentprob.cli.show import console, show_model, show_result
    from latentprob.files.tables import read_table, with_series
    from latentprob.fitting import fit

    folder = out or Path(f"{Path(model).stem}_fit")
    check_folder(folder)
    found = read_model(model)
    given: dict[str, Any] = {"draws": draws, "restarts": restarts, "steps": steps, "chains": chains, "warmup": warmup}
    method = settings(inference, given)
    columns = chosen_columns(context)
    check_columns(found, columns, [parameter.name for parameter in context.command.params])
    table = with_series(read_table(data), series)
    show_model(found)
    result = fit(found, table, method, seed=seed, observed=columns)
    show_result(result)
    result.save(folder)
    console.print(f"saved to {folder}; read it with lp.load({str(folder)!r})")


@app.command("diagnose")
def diagnose_fit(fit: SavedFit) -> None:
    """Print what can be believed of a saved fit.

    Exit code 0: nothing fails (warnings may be there). 1: a finding fails, the
    fit is not to be relied on. 2: wrong input.
    """
    from latentprob.cli.show import show_diagnosis
    from latentprob.fitting import load

    diagnosis = load(fit).diagnose()
    show_diagnosis(diagnosis)
    if not diagnosis.ok:
        raise typer.Exit(1)


@app.command("report")
def report_fit(
    fit: SavedFit,
    out: Annotated[Path, typer.Option(help="The page; one that is there is replaced.")] = Path("report.html"),
) -> None:
    """Write a saved fit as one HTML page that needs no network."""
    from latentprob.cli.inputs import check_file
    from latentprob.fitting import load

    check_file(out)
    load(fit).report(out)
    typer.echo(f"wrote {out}")


@app.command("simulate")
def simulate_rows(
    source: Annotated[
        str, typer.Argument(metavar="MODEL|FIT", help="A model file, the name of one that ships, or a saved fit.")
    ],
    out: Annotated[Path, typer.Option(help="The table, .csv or .parquet; replaced if there.")] = Path("simulated.csv"),
    rows: Annotated[int, typer.Option(help="How many rows.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
    features: Annotated[int | None, typer.Option(help="Of a model: how many features a variable has.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Of a model: a table on whose scale the priors stand, with the inputs.")
    ] = None,
    latents: Annotated[bool, typer.Option("--latents", help="The latents too, which a table of data lacks.")] = False,
) -> None:
    """Draw new rows: of a fit from its posterior, of a model from its prior.

    Of a model one draw of the parameters makes all rows.
    """
    from latentprob.cli.simulated import of_fit, of_model
    from latentprob.files.archive import RECORD
    from latentprob.files.tables import check_table, write_table

    check_table(out)
    if (Path(source) / RECORD).is_file():
        table = of_fit(Path(source), rows, seed, latents, {"features": features, "data": data})
    else:
        table = of_model(source, rows, seed, latents, data, features)
    write_table(out, table)
    typer.echo(f"wrote {out}: {len(table)} rows of {', '.join(map(str, table.columns[:8]))}")


@app.command("compare", cls=WithColumns)
def compare_model(
    context: typer.Context,
    model: ModelName,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A table: .csv, .parquet or .npy.")],
    out: Annotated[Path, typer.Option(help="The picture; one that is there is replaced.")] = Path("comparison.png"),
    labels: Annotated[str | None, typer.Option(help="A column of labels, which no fit sees.")] = None,
    holdout: Annotated[
        float | None, typer.Option(help="Share of the rows that no fit sees; a fifth if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 0,
    bootstraps: Annotated[int | None, typer.Option(help="Refits to rows drawn with replacement.")] = None,
) -> None:
    """Fit a model and its deterministic twin: print a table of both, draw them.

    As in fit, --x eruptions,waiting lists the columns that form a variable.
    """
    from latentprob.cli.inputs import check_columns, check_file, read_model
    from latentprob.cli.show import show_comparison, show_model
    from latentprob.files.tables import read_table, without
    from latentprob.studies import compare

    check_file(out)
    found = read_model(model)
    columns = chosen_columns(context)
    check_columns(found, columns, [parameter.name for parameter in context.command.params])
    table, named = without(read_table(data), labels)
    for each in (found, found.deterministic()):
        show_model(each)
    given: dict[str, Any] = {} if bootstraps is None else {"bootstraps": bootstraps}
    comparison = compare(found, table, holdout, named, seed, observed=columns, **given)
    show_comparison(comparison)
    comparison.plot().savefig(out)
    typer.echo(f"wrote {out}")


@app.command("demo")
def run_demo(out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("demo")) -> None:
    """Fit three models to real data, and draw what they found."""
    from latentprob.cli.demo import demo

    demo(out)


def main() -> None:
    """Run the command."""
    app()
