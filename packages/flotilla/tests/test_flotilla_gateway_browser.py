"""The status page in a real browser: for eyes, keyboards and screen readers, narrow and wide, light and dark."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import chromium
from flotilla.domain.status import StatusDocument
from flotilla.programs.gateway_page import page as page_of
from flotilla.programs.gateway_page_style import POLICY
from flotilla_documents import ALL, broken, large, ordinary
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

SCREENS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((320, "light"), (1600, "dark"))
DOCUMENTS = {**ALL, "large": lambda: ordinary(60)}  # axe takes its time for each row


class Site:
    """Serves the page of a document, with the headers that the gateway gives; None: it is away."""

    def __init__(self) -> None:
        self.document: StatusDocument | None = ordinary()
        self.asked = 0
        site = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked += 1
                body = page_of(site.document) if site.document and self.path == "/status" else b""
                self.send_response(200 if body else 503)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", POLICY)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/status"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Open]:
    """Opens the page, and says after the test what the browser complained about."""
    complaints: list[str] = []
    contexts = []

    def open_(*, script: bool = True) -> Page:
        context = browser.new_context(java_script_enabled=script)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(site.address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [one for one in complaints if "503" not in one and "favicon" not in one] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_page_is_accessible_and_as_wide_as_the_screen(open_page: Open, site: Site, name: str) -> None:
    site.document = DOCUMENTS[name]()
    page = open_page()
    page.get_by_role("button", name="Pause").click()
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    for width, scheme in SCREENS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found: list[dict[str, Any]] = Axe().run(page).response["violations"]
        assert [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]] == []


def test_the_page_follows_and_keeps_what_is_unfolded_and_focused(open_page: Open, site: Site) -> None:
    site.document = large()
    page = open_page()
    page.locator("#well > summary").click()
    page.locator("#well > summary").focus()
    site.document = replace(large(), fleet="another", warnings=broken().warnings)
    expect(page.get_by_role("heading", level=1)).to_have_text("another at 10.0.0.10", timeout=10_000)
    expect(page.locator("#w")).to_contain_text("warnings")
    assert page.locator("#well").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.id") == "well-summary"
    assert page.title().endswith("another at 10.0.0.10 · flotilla")


def test_a_gateway_that_is_away_is_told_and_found_again(open_page: Open, site: Site) -> None:
    page = open_page()
    site.document = None
    expect(page.locator("#fresh")).to_contain_text("no answer, last 10:00:05 UTC", timeout=10_000)
    site.document = ordinary()
    expect(page.locator("#fresh")).to_have_text("10:00:05 UTC", timeout=10_000)


def test_it_does_not_ask_while_it_is_paused(open_page: Open, site: Site) -> None:
    page = open_page()
    button = page.get_by_role("button", name="Pause")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    asked = site.asked
    page.wait_for_timeout(2_500)
    assert site.asked - asked <= 1


def test_without_scripts_the_page_is_whole_and_asks_anew_by_itself(open_page: Open, site: Site) -> None:
    site.document = broken()
    page = open_page(script=False)
    expect(page.get_by_role("heading", name="Hosts")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    asked = site.asked
    site.document = ordinary()
    expect(page.get_by_role("heading", name="All is well")).to_be_visible(timeout=15_000)
    assert site.asked > asked
