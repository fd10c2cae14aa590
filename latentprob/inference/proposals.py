"""Proposals of importance sampling: mixtures of Student-t laws, fitted to the weighted draws of earlier ones."""

import math
from dataclasses import dataclass

import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

EACH = 10  # effective draws a dimension that a component of its own needs
COMPONENTS = 4  # at most
DEFENSIVE, WIDE = 0.1, 2.0  # share and width of a component over all of them, which bounds the weights in the tails
FITTED = 5_000  # resampled draws that a mixture is fitted to


@dataclass(frozen=True)
class Proposal:
    """A mixture of M Student-t laws on F numbers: shares (M,), locs (M, F), scale_trils (M, F, F)."""

    shares: Tensor
    locs: Tensor
    scale_trils: Tensor
    degrees: float

    @classmethod
    def one(cls, loc: Tensor, scale_tril: Tensor, degrees: float) -> "Proposal":
        """A single Student-t."""
        return cls(loc.new_ones(1), loc[None], scale_tril[None], degrees)

    def draw(self, draws: int, generator: torch.Generator) -> Tensor:
        """Vectors (S, F)."""
        locs = self.locs
        which = torch.multinomial(self.shares, draws, replacement=True, generator=generator)
        normal = locs.new_empty(draws, locs.shape[1]).normal_(generator=generator)
        chi2 = locs.new_empty(draws, int(self.degrees)).normal_(generator=generator).square().sum(1)
        spread = torch.einsum("sf,mgf->msg", normal, self.scale_trils)[which, torch.arange(draws)]
        return locs[which] + spread * (self.degrees / chi2).sqrt()[:, None]

    def log_prob(self, vectors: Tensor) -> Tensor:
        """Log densities (S,) of vectors (S, F), nats."""
        degrees, size = self.degrees, vectors.shape[1]
        # (M, F, S): Pyro's law would solve a system a vector, S x M copies of the matrices
        white = torch.linalg.solve_triangular(self.scale_trils, vectors.mT - self.locs[..., None], upper=False)
        tail = (degrees + size) / 2 * (white.square().sum(1) / degrees).log1p()
        constant = math.lgamma((degrees + size) / 2) - math.lgamma(degrees / 2) - size / 2 * math.log(degrees * math.pi)
        own = self.shares.log() - self.scale_trils.diagonal(dim1=-2, dim2=-1).log().sum(-1) + constant
        return (own[:, None] - tail).logsumexp(0)

    def adapted(self, vectors: Tensor, weights: Tensor, generator: torch.Generator) -> "Proposal":
        """A proposal for the density that weights (S,) give to vectors (S, F).

        With few effective draws it has their moments, drawn towards its own; with many, several components.
        """
        effective, size = float(1 / weights.square().sum()), vectors.shape[1]
        count = min(COMPONENTS, int(effective / (EACH * size)))
        if count > 1:
            return self._mixture(vectors, weights, count, generator)
        loc = weights @ vectors
        covariance = (weights[:, None] * (vectors - loc)).mT @ (vectors - loc)
        own = (self.shares[:, None, None] * (self.scale_trils @ self.scale_trils.mT)).sum(0)
        trust = effective / (effective + size)
        return Proposal.one(loc, torch.linalg.cholesky(trust * covariance + (1 - trust) * own), self.degrees)

    def _mixture(self, vectors: Tensor, weights: Tensor, count: int, generator: torch.Generator) -> "Proposal":
        index = torch.multinomial(weights, FITTED, replacement=True, generator=generator)
        center, spread = vectors[index].mean(0), vectors[index].std(0)
        seed = int(torch.randint(2**31, (), generator=generator, device=vectors.device))
        found = GaussianMixture(count, tol=1e-2, init_params="k-means++", random_state=seed).fit(
            ((vectors[index] - center) / spread).cpu().double().numpy()
        )
        shares, means, factors = (
            torch.as_tensor(value).to(vectors)
            for value in (found.weights_, found.means_, torch.linalg.cholesky(torch.as_tensor(found.covariances_)))
        )
        locs, scale_trils = center + spread * means, spread[:, None] * factors
        wide = WIDE * torch.linalg.cholesky((vectors[index] - center).mT @ (vectors[index] - center) / len(index))
        return Proposal(
            torch.cat([(1 - DEFENSIVE) * shares, shares.new_full((1,), DEFENSIVE)]),
            torch.cat([locs, center[None]]),
            torch.cat([scale_trils, wide[None]]),
            self.degrees,
        )
