"""The page in a browser, headless Chromium: it opens without a request or an error, and fits every screen."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SCREENS = {"desk": (1280, 800), "tablet": (820, 1180), "phone": (360, 740)}
FITS = ("mixture", "hostile", "network")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(params=FITS)
def written(request: pytest.FixtureRequest, pages: Mapping[str, Path]) -> Path:
    """The page of a fit."""
    return pages[request.param]


def opened(browser: Browser, path: Path, screen: str = "desk", scheme: str = "light") -> tuple[Page, list[str]]:
    """The page on a screen, and all that went wrong or went out."""
    width, height = SCREENS[screen]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page, told = context.new_page(), []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda sent: told.append(sent.url) if not sent.url.startswith(("file:", "data:")) else None)
    page.on("requestfailed", lambda sent: told.append(f"failed: {sent.url[:80]}"))
    page.goto(path.as_uri(), wait_until="load")
    return page, told


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_opens_clean_and_fits_the_screen(browser: Browser, written: Path, screen: str, scheme: str) -> None:
    page, told = opened(browser, written, screen, scheme)
    assert told == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS[screen][0]
    wide = page.evaluate(
        "[...document.querySelectorAll('img, table, pre, math')].filter(e => !e.closest('.scroll') && "
        "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName)"
    )
    assert wide == []


def test_figures_are_shown_and_headings_can_be_reached(browser: Browser, written: Path) -> None:
    page, _ = opened(browser, written)
    broken = page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt)")
    assert broken == []
    assert page.evaluate("document.images.length") >= 2
    roles = page.get_by_role("heading", level=2).all_inner_texts()
    assert roles == ["Model", "Findings", "Figures", "Parameters", "Data", "How it was made"]
    assert page.title().startswith("A fit to")
    assert page.evaluate("document.querySelector('.equations math').getBoundingClientRect().height") > 20


def test_dark_and_light_have_contrast(browser: Browser, written: Path) -> None:
    """Text on its ground by at least 4.5 to 1, WCAG 2.2."""
    script = """() => {
        const parse = c => c.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const lum = c => { const [r, g, b] = parse(c).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92
            : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
            if (!c.endsWith(', 0)')) return c; } return 'rgb(255, 255, 255)'; };
        return [...document.querySelectorAll('p, li, dt, dd, th, td, a, summary, figcaption, small, .badge')].map(e => {
            const [a, b] = [lum(getComputedStyle(e).color), lum(ground(e))];
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 40)]; });
    }"""
    for scheme in ("light", "dark"):
        page, _ = opened(browser, written, scheme=scheme)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
        assert [found for found in page.evaluate(script) if found[0] < 4.5] == []


def test_what_is_folded_away_is_printed(browser: Browser, written: Path) -> None:
    page, _ = opened(browser, written)
    code = page.locator("details pre code").last
    assert not code.is_visible()
    page.emulate_media(media="print")
    assert code.is_visible()
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_labels_do_not_run(browser: Browser, pages: Mapping[str, Path]) -> None:
    page, told = opened(browser, pages["hostile"])
    assert told == []
    assert page.title() == "A fit to 60 rows of x"
    assert page.get_by_text("document.title = 'broken'").count() > 0
