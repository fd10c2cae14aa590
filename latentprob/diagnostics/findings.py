"""Finding, one thing that was checked, and Diagnosis, all of them with a verdict."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from html import escape
from typing import Literal

import pandas as pd

Level = Literal["ok", "warn", "fail"]
MARKS: dict[Level, str] = {"ok": "✓", "warn": "!", "fail": "✗"}
COLOURS: dict[Level, str] = {"ok": "#1b7f4b", "warn": "#a15c00", "fail": "#b3261e"}


@dataclass(frozen=True)
class Finding:
    """One check: what was found, the number behind it, the limit it was held to, and what to do.

    limit is None where the check compares with nothing; remedy is empty where there is nothing to do;
    source says where the limit comes from.
    """

    name: str
    level: Level
    sentence: str
    value: float
    limit: float | None = None
    remedy: str = ""
    source: str = ""

    def __str__(self) -> str:
        line = f"{MARKS[self.level]} {self.name}: {self.sentence}"
        return f"{line}\n    -> {self.remedy}" if self.remedy else line


@dataclass(frozen=True)
class Diagnosis:
    """The findings of a fit, in the order of the checks."""

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
        """One row a finding; columns name, level, value, limit, sentence, remedy, source."""
        columns = ["name", "level", "value", "limit", "sentence", "remedy", "source"]
        return pd.DataFrame([asdict(finding) for finding in self.findings], columns=columns)

    def __str__(self) -> str:
        return "\n".join([self.verdict, *(str(finding) for finding in self.findings)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        rows = "".join(_row(finding) for finding in self.findings)
        return f"<p><b>{escape(self.verdict)}</b></p><table>{rows}</table>"

    def _at(self, level: Level) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == level]


def _names(findings: Iterable[Finding]) -> str:
    return ", ".join(finding.name for finding in findings)


def _verb(findings: list[Finding], one: str, several: str) -> str:
    return one if len(findings) == 1 else several


def _row(finding: Finding) -> str:
    mark = f'<td style="color:{COLOURS[finding.level]}">{MARKS[finding.level]} {finding.level}</td>'
    remedy = f"<br><i>{escape(finding.remedy)}</i>" if finding.remedy else ""
    text = f'<td style="text-align:left">{escape(finding.sentence)}{remedy}</td>'
    return f'<tr>{mark}<td style="text-align:left">{escape(finding.name)}</td>{text}</tr>'
