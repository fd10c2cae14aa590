"""The page: one HTML text with everything in it, from a record and its figures."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from latentprob.report.equations import equations, to_latex, to_mathml
from latentprob.report.figures import figures, model_graph
from latentprob.report.notation import mathml
from latentprob.report.record import Record
from latentprob.report.symbols import Notation
from latentprob.spec.schema import Column

SUMMARY_ROWS = 200  # parameters that a page lists
FEATURES_NAMED = 12
LEVELS = ("fail", "warn", "ok")
MINUS = "\N{MINUS SIGN}"
SHOWN_ABOVE = ("seed", "bound", "method")  # of what a run records
WORDS = {"fail": ("fails", "fail"), "warn": ("needs a look", "need a look"), "ok": ("passed", "passed")}


def page(record: Record) -> str:
    """The page of a fit."""
    result = record.result
    found = equations(result.model, result.values.schema)
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            record=record,
            result=result,
            title=_title(record),
            counts=_counts(record),
            facts=_facts(record),
            mathml=Markup(to_mathml(found)),
            latex=to_latex(found),
            indices=_indices(record),
            graph=model_graph(record),
            figures=figures(record),
            parameters=_parameters(record),
            summary=record.summary.head(SUMMARY_ROWS),
            more=max(0, len(record.summary) - SUMMARY_ROWS),
            variables=[_variable(record, column) for column in result.values.schema.columns],
            run=_run(record),
            number=number,
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("latentprob.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def number(value: Any) -> str:
    """A number to three significant digits; from a thousand on, the whole part; yes and no for what is true or not."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return "none" if value is None else str(value)
    if value != value:
        return "–"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", MINUS)
    return f"{value:#.3g}".rstrip(".").replace("-", MINUS)


def _counts(record: Record) -> list[tuple[str, str]]:
    """How many findings there are of each level, the worst first, in words."""
    found = [finding.level for finding in record.diagnosis.findings]
    counts = {level: found.count(level) for level in LEVELS if level in found}
    return [(level, f"{count} {WORDS[level][count > 1]}") for level, count in counts.items()]


def _title(record: Record) -> str:
    """What was fitted."""
    values = record.result.values
    observed = ", ".join(name for name in record.result.model if name in values.schema)
    return f"{len(values.rows):,} rows of {observed}"


def _facts(record: Record) -> list[tuple[str, str]]:
    """What a reader wants to know first of how the fit was made."""
    result, attrs = record.result, record.result.draws.attrs
    chains, draws = result.shape
    facts = [("Inference", record.method), ("Seed", str(record.seed))]
    facts.append(
        (
            "Posterior",
            "a point estimate"
            if result.is_point
            else f"{chains} {'chain' if chains == 1 else 'chains'} of {draws:,} draws",
        )
    )
    if attrs.get("bound") is not None:
        facts.append(("Bound", f"{float(attrs['bound']):,.2f} nats".replace("-", MINUS)))
    return facts


def _indices(record: Record) -> list[tuple[Markup, str]]:
    """What each index of the equations and symbols counts."""
    result = record.result
    notation, model, schema = Notation.of(result.model, result.values.schema), result.model, result.values.schema
    words = {"row": f"{len(result.values.rows):,} rows"}
    wide = [name for name in notation.sites if name in schema and notation.is_vector(name)]
    words |= {"feature": f"features of {', '.join(wide)}"} if wide else {}
    dims = [name for name in model if name not in schema and notation.is_vector(name)]
    words |= {"dim": f"dims of {', '.join(dims)}"} if dims else {}
    levels = [name for name in (*model, *model.inputs) if model.is_level(name)]
    words |= {"level": f"levels of {', '.join(levels)}"} if levels else {}
    letters = {what: mathml(notation.index(what)) for what in words}
    used = to_mathml(equations(model, schema)) + "".join(mathml(notation.symbol(free)) for free in notation.frees)
    return [(Markup(f"<math>{letters[what]}</math>"), text) for what, text in words.items() if letters[what] in used]


def _parameters(record: Record) -> list[dict[str, Any]]:
    """Every parameter of the program: symbol, name, what there is one for, prior, and the numbers of the prior."""
    result = record.result
    notation = Notation.of(result.model, result.values.schema)
    frees = {free.name: free for free in notation.frees}
    rows = []
    for name, prior in record.priors.iterrows():
        free = frees.get(str(name))
        site = result.sites.get(str(name))
        symbol = "" if free is None else Markup(f"<math>{mathml(notation.symbol(free))}</math>")
        each = "" if site is None else " × ".join(f"{dim} ({len(result_labels)})" for dim, result_labels in _axes(site))
        rows.append({"symbol": symbol, "name": name, "each": each, **prior.to_dict()})
    return rows


def _axes(site: Any) -> Iterable[tuple[str, Any]]:
    shown = zip(site.dims, site.labels, site.scalar_axes, strict=True)
    return [(dim, labels) for dim, labels, hidden in shown if not hidden]


def _variable(record: Record, column: Column) -> dict[str, str]:
    """A variable of the data: what it holds, and what is hidden of it."""
    values = record.result.values
    seen = values.seen.get(column.name)
    gaps = 0 if seen is None else int((~seen).sum())
    labels = column.levels or column.features
    named = ", ".join(str(label) for label in labels[:FEATURES_NAMED]) + (" …" if len(labels) > FEATURES_NAMED else "")
    cells = values.arrays[column.name].size
    return {
        "name": column.name,
        "role": "observed" if column.name in record.result.model else "input",
        "shape": " × ".join(f"{size:,}" for size in values.arrays[column.name].shape),
        "holds": f"{'levels' if column.levels else 'features'}: {named}" if labels else "one number a row",
        "gaps": f"{gaps:,} of {cells:,} cells" if gaps else "none",
    }


def _run(record: Record) -> Mapping[str, str]:
    """What the method recorded of the run, as text."""
    attrs = sorted(record.result.draws.attrs.items())
    return {str(name): number(value) for name, value in attrs if name not in SHOWN_ABOVE and value != ""}
