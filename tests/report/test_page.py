"""The page as HTML: what it says, that nothing in it comes from elsewhere, and that it is written whole."""

import base64
import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from latentprob.errors import FileError
from latentprob.fitting import Fit
from latentprob.report.page import number

FITS = ("mixture", "hostile", "factors", "network", "known", "computed")
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Elements with their attributes and texts; an element that is not closed is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts.setdefault(tag, []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]

    def text(self, tag: str) -> list[str]:
        return [" ".join(text.split()) for text in self.texts.get(tag, []) if text.strip()]


@pytest.fixture(scope="module", name="pages")
def texts(pages: Mapping[str, Path]) -> Mapping[str, str]:
    """The text of each page."""
    return {name: path.read_text(encoding="utf-8") for name, path in pages.items()}


@pytest.mark.parametrize("name", FITS)
def test_headings_are_in_order_and_every_section_is_there(pages: Mapping[str, str], name: str) -> None:
    page = Page(pages[name])
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.text("h2") == ["Model", "Findings", "Figures", "Parameters", "Data", "How it was made"]
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert {attrs["href"] for attrs in page.all("a")} == {f"#{each}" for each in ids}


@pytest.mark.parametrize("name", FITS)
def test_nothing_comes_from_elsewhere_and_nothing_runs(pages: Mapping[str, str], name: str) -> None:
    page = Page(pages[name])
    assert not page.all("script")
    assert not [attrs for _, attrs in page.elements if any(key.startswith("on") for key in attrs)]
    for _, attrs in page.elements:
        for key in ("src", "href", "srcset", "data"):
            assert attrs.get(key, "data:").startswith(("data:", "#"))
    style = "".join(page.texts["style"])
    assert "@import" not in style
    assert "url(" not in style
    policy = [attrs["content"] for attrs in page.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


@pytest.mark.parametrize("name", FITS)
def test_figures_are_whole_and_told_in_words(pages: Mapping[str, str], name: str) -> None:
    page = Page(pages[name])
    assert len(page.all("img")) == len(page.all("figure")) > 1
    for attrs in page.all("img"):
        assert len(attrs["alt"].split()) >= 8
        assert "nan" not in attrs["alt"]
        kind, content = attrs["src"].removeprefix("data:").split(";base64,")
        if kind == "image/svg+xml":
            ET.fromstring(base64.b64decode(content))
        else:
            assert base64.b64decode(content).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", FITS)
def test_the_page_says_what_the_fit_says(pages: Mapping[str, str], name: str, request: pytest.FixtureRequest) -> None:
    fit: Fit = request.getfixturevalue(name)
    page, shown = Page(pages[name]), html.unescape(pages[name])
    diagnosis = fit.diagnose()
    assert diagnosis.verdict in page.text("p")
    assert shown.index(diagnosis.verdict) < shown.index("<h2>")
    for finding in diagnosis.findings:
        assert finding.sentence in shown
        assert finding.remedy in shown
    for question, _ in diagnosis.by_question():
        assert question in page.text("h3")
    assert str(fit.model) in shown
    assert fit.program.source.strip() in shown
    assert f"seed {fit.seed}." in shown
    for label in fit.summary().index:
        assert str(label) in shown
    for note in fit.notes:
        assert note in shown


def test_figures_follow_the_structure(pages: Mapping[str, str]) -> None:
    found = {name: [h for h in Page(page).text("h3") if not h.endswith("?")] for name, page in pages.items()}
    assert "Components of c" in found["mixture"]
    assert "Responsibilities of c" in found["mixture"]
    assert "Pareto k of leaving a row out" in found["mixture"]
    assert "Bound by step" in found["mixture"]
    assert not [h for h in found["mixture"] if h.startswith(("Loadings", "Latent space", "Information"))]
    for heading in ("Loadings x_loc_weights", "Latent space of z", "Information by dim of z"):
        assert heading in found["factors"]
    assert "Pareto k of the encoder's beliefs" in found["network"]
    assert "Embedding space of z" in found["computed"]
    assert not [h for h in found["computed"] if h.startswith(("Data sets", "Pareto k", "Latent space"))]
    assert "Bound by step" not in found["known"]
    assert all("Graph" in headings for headings in found.values())


def test_alt_texts_state_numbers(pages: Mapping[str, str]) -> None:
    alts = [attrs["alt"] for attrs in Page(pages["mixture"]).all("img")]
    (components,) = [alt for alt in alts if alt.startswith("Scatter")]
    assert components.startswith("Scatter of width and height with 2 components of c: 0 with 50% of the rows around")
    (graph,) = [alt for alt in alts if alt.startswith("Graph")]
    assert graph == "Graph of the model. Observed: x. Not observed: c. Arrows: c to x."


def test_gaps_and_weights_are_told(pages: Mapping[str, str]) -> None:
    assert "1 of 12 cells" in Page(pages["known"]).text("td")
    assert "Rows count with weights from 1.00 to 2.00." in Page(pages["known"]).text("p")


def test_labels_are_text_and_never_markup(pages: Mapping[str, str]) -> None:
    page = pages["hostile"]
    assert "<script" not in page
    assert "onerror" not in {key for _, attrs in Page(page).elements for key in attrs}
    assert "&lt;script&gt;" in page


def test_a_fit_has_one_page(known: Fit, tmp_path: Path) -> None:
    for name in ("first.html", "second.html"):
        known.report(tmp_path / name)
    assert (tmp_path / "first.html").read_bytes() == (tmp_path / "second.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.html", "second.html"]


def test_a_page_is_written_whole_or_not_at_all(known: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report.html"
    target.write_text("whole")

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        known.report(target)
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


WRONG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a folder": (lambda folder: folder, "is a folder; give the path of a file"),
    "no such folder": (lambda folder: folder / "none" / "report.html", "none does not exist; make it first"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_place_where_no_file_can_be_is_refused(known: Fit, tmp_path: Path, case: str) -> None:
    where, message = WRONG[case]
    with pytest.raises(FileError, match=message):
        known.report(where(tmp_path))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1,234"),
        (0.000123456, "0.000123"),
        (-2.5, "−2.50"),
        (7, "7"),
        (True, "yes"),
        (float("nan"), "–"),
        (None, "none"),
        ("c: labels", "c: labels"),
    ],
)
def test_numbers_are_short(value: object, text: str) -> None:
    assert number(value) == text
