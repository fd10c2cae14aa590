"""What the command prints."""

from typing import TYPE_CHECKING

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

if TYPE_CHECKING:
    from latentprob.diagnostics import Diagnosis, Finding
    from latentprob.fitting import Fit
    from latentprob.program import Program
    from latentprob.spec.model import Model
    from latentprob.studies import Comparison

SUMMARY_ROWS = 12  # parameters that the terminal shows
PROGRAM_LINES = 24
LEFT_OUT = ("mcse", "ess_tail")  # columns of the summary that a terminal has no room for
STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}

console = Console(highlight=False)


def show_model(model: "Model") -> None:
    """The statements."""
    console.print(
        Panel(escape(str(model)), title="model", title_align="left", box=box.ROUNDED, border_style="blue", expand=False)
    )


def show_program(program: "Program", lines: int = PROGRAM_LINES) -> None:
    """The head of the Pyro program, from its class on: what stands above are imports and formulas."""
    source = program.source[program.source.index("class Program") :].rstrip().splitlines()
    head = Syntax("\n".join(source[:lines]), "python", theme="ansi_light", background_color="default", code_width=88)
    console.print(head, crop=False, overflow="ignore", no_wrap=True)
    if len(source) > lines:
        console.print(f"[dim]... {len(source) - lines} more lines[/dim]\n")


def show_result(fit: "Fit") -> None:
    """The notes on the data, the summary and the diagnosis."""
    for note in fit.notes:
        console.print(escape(note))
    summary = fit.summary()
    if len(summary):
        console.print(table(summary))
    else:
        console.print("No parameter has a posterior: the weights of networks are point estimates.\n")
    show_diagnosis(fit.diagnose())


def table(summary: pd.DataFrame, rows: int = SUMMARY_ROWS) -> Table:
    """The first rows of a summary."""
    more = f"... {len(summary) - rows} more in fit.summary()" if len(summary) > rows else None
    made = Table(box=box.SIMPLE_HEAD, caption=more, caption_justify="left", pad_edge=False)
    summary = summary[[column for column in summary if not str(column).startswith(LEFT_OUT)]]
    made.add_column("", overflow="fold")
    for column in summary.columns:
        widest = max(len(number(value)) for value in (str(column), *summary[column].head(rows)))
        made.add_column(str(column), justify="right", min_width=widest)
    for name, values in summary.head(rows).iterrows():
        made.add_row(escape(str(name)), *(number(value) for value in values))
    return made


def show_comparison(comparison: "Comparison") -> None:
    """A line a metric: the belief, the point, and what the number is."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("", overflow="fold")
    made.add_column("stochastic", justify="right")
    made.add_column("deterministic", justify="right")
    made.add_column("", overflow="fold")
    for name, line in comparison.table.iterrows():
        values = ("—" if pd.isna(line[side]) else number(line[side]) for side in ("stochastic", "deterministic"))
        made.add_row(escape(str(name)), *values, escape(line["sentence"]))
    console.print(made)


def number(value: object) -> str:
    """A number to three significant digits; from a thousand on, the whole part."""
    if not isinstance(value, (int, float)):
        return escape(str(value))
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def show_diagnosis(diagnosis: "Diagnosis") -> None:
    """The verdict, and the findings behind it by question."""
    worst = "fail" if not diagnosis.ok else "warn" if "warn" in set(diagnosis.table["level"]) else "ok"
    console.print(f"[{STYLES[worst]}]{escape(diagnosis.verdict)}[/]", soft_wrap=True)
    for question, findings in diagnosis.by_question():
        console.print(f"\n[bold]{escape(question)}[/bold]")
        for finding in findings:
            show_finding(finding)


def show_finding(finding: "Finding") -> None:
    """One finding, and what to do."""
    from latentprob.diagnostics.findings import MARKS

    mark = f"[{STYLES[finding.level]}]{MARKS[finding.level]}[/]"
    console.print(f"  {mark} {escape(finding.name)}: {escape(finding.sentence)}", soft_wrap=True)
    if finding.remedy:
        console.print(f"    [dim]{escape(finding.remedy)}[/dim]", soft_wrap=True)
