"""Names that variables may bear: no words of the program's text, no names that it gives to other things."""

from collections.abc import Mapping
from keyword import iskeyword
from typing import Any

from latentprob.errors import ModelError
from latentprob.spec.component import Map
from latentprob.spec.grammar import KINDS
from latentprob.spec.numbers import At
from latentprob.spec.structure import Laws, argument_of, parents, places, site_names

# Words of the program's text: its modules, its arguments, its locals, and what it uses of Python.
RESERVED = (
    *("self", "torch", "pyro", "dist", "math", "rows", "batch", "nn", "constraints", "poutine", "len", "super"),
    *("parameters", "prior", "precision", "tril", "shift", "freedom", "seen", "probs", "joint", "slice", "_"),
    *("AutoNormal", "PyroModule", "PowerTransform", "SigmoidTransform", "inverse_wishart_tril", "seen_normal"),
    *("normal_log_prob", "seen_normal_log_prob", "multivariate_normal_log_prob", "seen_precision", "process_features"),
    *("Chain", "chain_log_prob", "chain_belief", "stationary", "States", "states_log_prob", "states_belief"),
    *("patterned", "Counts", "StickBreakingTransform"),
)
DIMS = ("chain", "draw", "row", "feature")  # axes of the results
# What the program and the results call parts of an input, and of a stated variable.
INPUT_PARTS = ("{}_seen", "{}_center", "{}_spread", "{}_dim", "{}_level", "{}_feature")
PARTS = (
    *INPUT_PARTS,
    *("{}_later", "{}_later_map", "{}_later_loc", "{}_later_covariance", "{}_probs", "{}_evidence"),
    *("{}_law", "{}_marginal", "{}_belief", "{}_residual", "{}_loaded", "{}_inverse", "log_{}", "{}_other", "{}_hot"),
    *("{}_loc", "{}_scale", "{}_log_scale", "{}_scale_tril", "{}_covariance", "{}_precision", "{}_weights"),
    *(
        "{}_shown",
        "{}_pairs",
        "{}_masked",
        "{}_offset",
        "{}_shift",
        "{}_mean",
        "{}_log_norm",
        "{}_log_odds",
        "{}_log_rate",
        "{}_log_probs",
        "{}_log_ways",
    ),
)


def check_name(name: Any, at: At) -> None:
    """Refuses what is no ASCII identifier, or means something else."""
    if not isinstance(name, str):
        raise ModelError(f"{name!r} is no name; names are strings, such as 'x'", at=at)
    if "[" in name:
        raise ModelError(f"'{name}' is no name; an index is one name in brackets, u[user]", at=at)
    if not (name.isascii() and name.isidentifier()):
        raise ModelError(f"'{name}' is no name; names are ASCII letters, digits and _, with no digit first", at=at)
    if iskeyword(name) or name in RESERVED:
        raise ModelError(f"'{name}' is a word of the program's text; write another name, such as {name}_", at=at)
    if name in KINDS:
        raise ModelError(f"'{name}' is a word of the language; write another name, such as {name.lower()}", at=at)
    if name in DIMS:
        raise ModelError(f"'{name}' names an axis of the results; write another name, such as {name}_", at=at)
    if name.startswith("__"):
        raise ModelError(f"'{name}' begins with two underscores; write another name, such as {name.strip('_')}", at=at)


def check_generated(laws: Laws, indices: Mapping[str, str]) -> None:
    """Refuses a variable with the name of something else, and two free parameters with one name."""
    inputs = {parent: at for name, law in laws.items() for at, term in places(law, name) for parent in parents(term)}
    inputs = {index: (name, "[") for name, index in indices.items()} | inputs
    taken = {part.format(name): f"a part of {name}" for name in inputs for part in INPUT_PARTS}
    taken.update({part.format(name): f"a part of {name}" for name in laws for part in PARTS})
    maps = [name for name, law in laws.items() if isinstance(law, Map)]
    taken.update({part.format(name): f"a part of {name}" for name in maps for part in ("{}_intercept", "{}_encoder")})
    starts = {f"{name}_{each}": f"the {each} of {name}" for name, law in laws.items() for each in law.parameters}
    for variable, at in {**inputs, **{name: (name, "~") for name in laws}}.items():
        found = [what for start, what in starts.items() if f"{variable}_".startswith(f"{start}_")]
        if what := next(iter(found), taken.get(variable)):
            raise ModelError(f"'{variable}' is a name of {what}; write another name, such as {variable}_", at=at)
    for name, law in laws.items():
        for parameter in law.parameters:
            _check_terms(laws, name, parameter)


def _check_terms(laws: Laws, name: str, parameter: str) -> None:
    """Refuses terms of a sum that are one and the same."""
    seen: dict[str, Any] = {}
    for free, part in site_names(name, parameter, argument_of(laws, name, parameter)):
        if free in seen:
            raise ModelError(
                f"{seen[free]} and {part} are one and the same in a sum, {free}; write one of them",
                at=(name, parameter),
            )
        seen[free] = part
