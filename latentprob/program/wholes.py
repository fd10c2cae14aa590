"""Laws over parts of a whole as program text: shares of a row, and counts of which each row has its own total."""

from latentprob.program.distributions import Law, build
from latentprob.program.expression import ROW, Expr, aligned, method, union
from latentprob.program.maps import expanded, parameter
from latentprob.program.scope import Scope
from latentprob.spec.distributions import Dirichlet, Multinomial

COUNTS = '''
class Counts(dist.TorchDistribution):
    """x ~ Multinomial(total, probs), (..., D), of which each row has its own total, (...)."""

    support = constraints.independent(constraints.nonnegative_integer, 1)

    def __init__(self, total, probs, validate_args=None):
        shape = torch.broadcast_shapes(total.shape, probs.shape[:-1])
        self.total = total.expand(shape)
        self.probs = probs.expand(*shape, -1)
        super().__init__(shape, probs.shape[-1:], validate_args=validate_args)

    def log_prob(self, value):
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        tiny = torch.finfo(self.probs.dtype).tiny
        return ways + (value * self.probs.clamp_min(tiny).log()).sum(-1)

    def sample(self, sample_shape=()):
        most = int(self.total.max())
        drawn = dist.Categorical(self.probs).sample((most, *sample_shape))
        counted = torch.arange(most).to(self.total).view(-1, *[1] * (drawn.ndim - 1))
        counts = self.probs.new_zeros(*drawn.shape[1:], self.event_shape[0])
        counted = (counted < self.total).to(counts).expand(drawn.shape)
        return counts.scatter_add(-1, drawn.movedim(0, -1), counted.movedim(0, -1))

    @property
    def arg_constraints(self):
        return {"probs": constraints.simplex}

    @property
    def mean(self):
        return self.total[..., None] * self.probs
'''


@build.register
def _(component: Dirichlet, scope: Scope, name: str, mask: str | None) -> Law:
    concentration = expanded(parameter(scope, name, "concentration"), name, scope)
    return _masked(f"dist.Dirichlet({concentration.text})", concentration.dims, scope, name, mask)


@build.register
def _(component: Multinomial, scope: Scope, name: str, mask: str | None) -> Law:
    probs = probs_of(component, scope, name)
    dims = union(probs, Expr("", (ROW,)), order=scope.order)
    total = aligned(Expr(f"{name}.sum(-1)", (ROW,)), tuple(dim for dim in dims if dim != name))
    return _masked(f"Counts({total.text}, {aligned(probs, dims).text})", dims, scope, name, mask)


def probs_of(component: Multinomial, scope: Scope, name: str) -> Expr:
    """The probabilities of the features."""
    if component.logits is not None:
        return method(expanded(parameter(scope, name, "logits"), name, scope), "softmax(-1)")
    return parameter(scope, name, "probs")


def _masked(text: str, dims: tuple[str, ...], scope: Scope, name: str, mask: str | None) -> Law:
    """A law of whole rows, masked where a row is hidden."""
    batch = tuple(dim for dim in dims if dim != name)
    if mask is not None:
        batch = union(Expr("", batch), Expr("", (ROW,)), order=scope.order)
        text += f".mask({aligned(Expr(f'{mask}.all(-1)', (ROW,)), batch).text})"
    return Law(text, batch, (name,))
