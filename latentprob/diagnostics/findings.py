"""Finding, one thing that was checked, and Diagnosis, all of them by question, with a verdict."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Literal, get_args

import pandas as pd
import xarray as xr

from latentprob.errors import NotAvailable

Level = Literal["ok", "warn", "fail"]
Question = Literal[
    "Did the optimization end?",
    "Is the approximation good?",
    "Are the latents identified and alive?",
    "Does it predict?",
]
QUESTIONS: tuple[Question, ...] = get_args(Question)
ENDED, APPROXIMATION, LATENTS, PREDICTS = QUESTIONS
MARKS: dict[Level, str] = {"ok": "✓", "warn": "!", "fail": "✗"}
COLOURS: dict[Level, str] = {"ok": "#1b7f4b", "warn": "#a15c00", "fail": "#b3261e"}
COLUMNS = ("question", "name", "level", "value", "limit", "sentence", "remedy", "source")


@dataclass(frozen=True)
class Finding:
    """One check: what was found, the number behind it, the limit it was held to, and what to do.

    limit is None where the check compares with nothing; remedy is empty where there is nothing to do;
    source says where the limit comes from. details are the numbers that `value` was taken from, where there are many:
    by row, worst first; by dim of a latent; by feature.
    """

    question: Question
    name: str
    level: Level
    sentence: str
    value: float
    limit: float | None = None
    remedy: str = ""
    source: str = ""
    details: xr.DataArray | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        line = f"{MARKS[self.level]} {self.name}: {self.sentence}"
        return f"{line}\n    -> {self.remedy}" if self.remedy else line


@dataclass(frozen=True)
class Diagnosis:
    """The findings of a fit by question, and a verdict.

    >>> clean = Finding("Does it predict?", "coverage", "ok", "90 % of the cells lie in their 90 % intervals", 0.9)
    >>> print(Diagnosis((clean,)))
    No objection: 1 check passed.
    <BLANKLINE>
    Does it predict?
    ✓ coverage: 90 % of the cells lie in their 90 % intervals
    """

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no finding fails."""
        return not self._at("fail")

    @property
    def verdict(self) -> str:
        """The findings in one sentence."""
        failed, warned, count = self._at("fail"), self._at("warn"), len(self.findings)
        if failed:
            return f"Do not rely on this fit: {_names(failed)} {_verb(failed, 'fails', 'fail')}."
        if warned:
            return f"Usable with care: {_names(warned)} {_verb(warned, 'needs', 'need')} a look."
        if not count:
            return "Nothing was checked: this fit records nothing that could be judged."
        return f"No objection: {count} {'check' if count == 1 else 'checks'} passed."

    @property
    def table(self) -> pd.DataFrame:
        """One row a finding; columns question, name, level, value, limit, sentence, remedy, source."""
        rows = [[getattr(finding, column) for column in COLUMNS] for finding in self.findings]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def by_question(self) -> Iterator[tuple[Question, list[Finding]]]:
        """The questions to which there are findings, in their order, with the findings."""
        for question in QUESTIONS:
            if found := [finding for finding in self.findings if finding.question == question]:
                yield question, found

    def __getitem__(self, name: str) -> Finding:
        """The finding of that name."""
        found = {finding.name: finding for finding in self.findings}
        if name not in found:
            raise NotAvailable(f"no finding '{name}'; there are {', '.join(found) or 'none'}")
        return found[name]

    def __str__(self) -> str:
        parts = ["\n".join([question, *map(str, found)]) for question, found in self.by_question()]
        return "\n\n".join([self.verdict, *parts])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        sections = "".join(_section(question, found) for question, found in self.by_question())
        return f"<section><p><strong>{escape(self.verdict)}</strong></p>{sections}</section>"

    def _at(self, level: Level) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == level]


def _names(findings: Iterable[Finding]) -> str:
    return ", ".join(finding.name for finding in findings)


def _verb(findings: list[Finding], one: str, several: str) -> str:
    return one if len(findings) == 1 else several


def _section(question: Question, findings: Iterable[Finding]) -> str:
    return f"<section><h3>{escape(question)}</h3><ul>{''.join(map(_item, findings))}</ul></section>"


def _item(finding: Finding) -> str:
    """One finding; its level is a word as well as a colour."""
    level = f'<strong style="color:{COLOURS[finding.level]}">{MARKS[finding.level]} {finding.level}</strong>'
    remedy = f"<br><em>{escape(finding.remedy)}</em>" if finding.remedy else ""
    source = f"<br><small>{escape(finding.source)}</small>" if finding.source else ""
    return f"<li>{level} <strong>{escape(finding.name)}</strong>: {escape(finding.sentence)}{remedy}{source}</li>"
