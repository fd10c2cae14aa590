"""Model -> readable Pyro source -> PyroModule. The text is the code that runs."""

from latentprob.program.build import Program, compile

__all__ = ["Program", "compile"]
