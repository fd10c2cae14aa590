"""What can be believed of a fit: findings over datasets and arrays, by question, and a verdict.

A check that has nothing to judge gives no finding. ArviZ computes what ArviZ knows.
"""

from latentprob.diagnostics.collapse import collapse
from latentprob.diagnostics.convergence import convergence
from latentprob.diagnostics.evidence import Evidence, gathered
from latentprob.diagnostics.findings import QUESTIONS, Diagnosis, Finding
from latentprob.diagnostics.predictive import predictive
from latentprob.diagnostics.reliability import reliability

__all__ = ["QUESTIONS", "Diagnosis", "Evidence", "Finding", "diagnose", "gathered"]


def diagnose(evidence: Evidence) -> Diagnosis:
    """Did the optimization end, is the approximation good, are the latents identified and alive, does it predict."""
    return Diagnosis((*convergence(evidence), *reliability(evidence), *collapse(evidence), *predictive(evidence)))
