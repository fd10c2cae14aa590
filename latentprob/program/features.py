"""What a network reads of a variable that the data hold: numbers of about unit size, as program text."""

from latentprob.program.scope import Scope
from latentprob.spec import distributions as spec


def feature(scope: Scope, name: str) -> tuple[str, str]:
    """The text of a tensor (N, F) made of an observed variable without gaps, and of its width F."""
    model = scope.model
    law = model.statements.get(name)
    if model.is_level(name):
        return f"nn.functional.one_hot({name}, self.{name}_size)", f"self.{name}_size"
    if isinstance(law, spec.Categorical):
        hot = f"nn.functional.one_hot({name}, self.{name}_levels).flatten(1).to(self.{name}_center)"
        return hot, f"self.{name}_size * self.{name}_levels"
    width = f"self.{name}_size"
    if isinstance(law, spec.Bernoulli):
        return f"2 * {name} - 1", width
    if law is not None and law.support == "count":
        return f"{name}.log1p() - self.{name}_center.log1p()", width
    if isinstance(law, spec.LogNormal):
        return f"({name}.log() - self.{name}_center) / self.{name}_spread", width
    return f"({name} - self.{name}_center) / self.{name}_spread", width
