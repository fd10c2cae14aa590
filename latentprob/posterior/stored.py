"""Result -> archive and back: the same answers before and after."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from latentprob.data import Series, Values
from latentprob.files.archive import Archive
from latentprob.files.labels import rows_to_array, schema_from_json, schema_to_json
from latentprob.inference.problem import Draws
from latentprob.posterior.result import Result, restored
from latentprob.program import compile
from latentprob.spec.model import Model


def to_archive(result: Result, facts: Mapping[str, Any]) -> Archive:
    """All that is needed to answer again; `facts` are what the caller adds to the record."""
    draws, values = result.draws, result.values
    own = {
        "attrs": dict(draws.attrs),
        "schema": schema_to_json(values.schema),
        "notes": list(values.notes),
        "collapse": result.program.collapse,
    }
    data = {"arrays": values.arrays, "seen": values.seen, "rows": {"rows": rows_to_array(values.rows)}}
    if values.series is not None:
        own["series"] = {"axis": values.series.axis, "name": values.series.name}
        data["series"] = {name: rows_to_array(pd.Index(a)) for name, a in values.series.coordinates.items()}
    if result.weights is not None:
        data["weights"] = {"weights": result.weights}
    kept = {"parameters": draws.parameters, "latents": draws.latents, "stats": draws.stats}
    kept |= {"statistics": dict(result.statistics), "frames": dict(result.frames), "refined": dict(result.refined)}
    state = {name: tensor.detach().cpu().numpy() for name, tensor in draws.state.items()}
    return Archive(str(result.model), {**facts, **own}, kept, data, state)


def from_archive(archive: Archive, modules: Mapping[str, torch.nn.Module]) -> Result:
    """The result that was written; torch modules of the caller's come from the caller."""
    facts, model = archive.facts, Model(archive.model)
    schema, data = schema_from_json(facts["schema"]), archive.data
    rows = pd.Index(data["rows"]["rows"], name=None if schema.row == "row" else schema.row)
    notes, series = tuple(facts["notes"]), _series(facts.get("series"), data.get("series", {}), len(rows))
    values = Values(dict(data["arrays"]), dict(data["seen"]), rows, schema, notes, series)
    program = compile(model, schema.observed, schema.missing, collapse=facts["collapse"])
    kept = archive.draws
    state = {name: torch.from_numpy(array) for name, array in archive.state.items()}
    draws = Draws(dict(kept["parameters"]), dict(kept["latents"]), state, dict(kept["stats"]), dict(facts["attrs"]))
    module = restored(program, kept["statistics"], state, modules)
    weights: np.ndarray | None = data["weights"]["weights"] if "weights" in data else None
    return Result(
        model, program, module, values, kept["statistics"], draws, kept["frames"], weights, refined=kept["refined"]
    )


def _series(said: Mapping[str, str] | None, labels: Mapping[str, np.ndarray], rows: int) -> Series | None:
    if said is None:
        return None
    return Series(said["axis"], rows, labels.get(said["name"]), labels.get(said["axis"]), said["name"])
