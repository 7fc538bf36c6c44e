"""The pages in a real browser, over the real service: for eyes, keyboards and screen readers, on narrow screens and on
wide ones, in the light and in the dark."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from autoship_samples import line, record, records
from axe_playwright_python.sync_playwright import Axe
from browsing import chromium
from playwright.sync_api import Browser, Page, expect
from test_http import send, serving

SHOP = Path(__file__).parents[3] / "data/indonesia-shop.ndjson.gz"
NASTY = '<script>document.title="x"<b> \u202eعميل 100% &"quoted"'
LONG = "W" * 128
SCREENS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((320, "light"), (1600, "dark"))
MORE_THAN_A_PAGE = 110
"""Customers."""


def packaging(customer_id: str, count: int) -> Iterator[bytes]:
    """Orders whose packaging is wrong now and then, and whose carrier never is."""
    for n in range(count):
        box = "Box" if n % 7 else "Bag"
        yield line(record(n, customer_id, at=n, order={"n": n % 3}, shipment={"carrier": "UPS", "packaging": box}))


def path_of(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe="") for part in parts)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A shop's orders, a customer with packaging, hostile names, and more customers than a page holds."""
    with (
        serving(tmp_path_factory.mktemp("pages") / "autoship.db") as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        with gzip.open(SHOP) as shop:
            send(client, *(next(shop) for _ in range(1_200)))
        send(client, *packaging("A", 300))
        send(client, *map(line, records(40, NASTY, shipment={NASTY[:60]: NASTY, "carrier": "x" * 200})))
        send(client, *map(line, records(3, LONG)), line(record("W" * 200, LONG, at=9)))
        send(client, *(line(record(1, f"small-{n:03}")) for n in range(MORE_THAN_A_PAGE)))
        order = {"customer_id": "A", "order_id": "told", "order": {"n": 1}}
        assert client.post("/v1/prediction", json=order).status_code == 200
        shipped = record("told", "A", order={"n": 1}, shipment={"carrier": "UPS", "packaging": "Tube"})
        send(client, line(shipped, ordered_at="2027-01-01T00:00:00Z", shipped_at="2027-01-02T00:00:00Z"))
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, server: str) -> Iterator[Open]:
    """Opens an address of the service, and says after the test what the browser complained about."""
    contexts = []
    complaints: list[str] = []

    def open_(path: str, *, script: bool = True) -> Page:
        context = browser.new_context(base_url=server, java_script_enabled=script)
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [one for one in complaints if "status of 40" not in one] == []


ADDRESSES = {
    "customers": "/",
    "found": "/?q=small-1",
    "not found": "/?q=" + quote(NASTY),
    "shop": "/customers/indonesia-shop",
    "shop, a span": "/customers/indonesia-shop?since=2024-01-01&until=2024-02-01T10:00:00Z",
    "shop, no time at all": "/customers/indonesia-shop?since=2030-01-01",
    "shop, mistakes": "/customers/indonesia-shop/mistakes?field=service",
    "shop, predictions": "/customers/indonesia-shop/predictions?right=false",
    "shop, an order": "/customers/indonesia-shop/orders/ORD_0003560",
    "an order that was told": "/customers/A/orders/told",
    "one order": "/customers/small-001",
    "nasty": path_of("customers", NASTY),
    "nasty mistakes": path_of("customers", NASTY, "mistakes"),
    "nasty predictions": path_of("customers", NASTY, "predictions") + "?shipped=" + quote(NASTY),
    "long": path_of("customers", LONG),
    "long predictions": path_of("customers", LONG, "predictions"),
    "long order": path_of("customers", LONG, "orders", "W" * 200),
    "the API": "/docs",
    "not there": "/customers/nobody",
    "nowhere": "/nowhere",
    "refused": "/customers/A/predictions?right=perhaps",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=list(ADDRESSES))
def test_a_page_is_accessible_and_as_wide_as_the_screen(open_page: Open, address: str) -> None:
    page = open_page(address)
    for width, scheme in SCREENS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


def violations(page: Page) -> list[str]:
    """What axe-core's rules find, and where."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}: {node['html']}" for one in found for node in one["nodes"]]


def test_from_all_customers_it_is_two_clicks_to_the_packaging_that_was_wrong(open_page: Open) -> None:
    page = open_page("/")
    page.get_by_role("link", name="A", exact=True).click()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="packaging", exact=True))
    row.get_by_role("link", name="wrong").click()
    asked = parse_qs(urlsplit(page.url).query)
    assert asked == {"field": ["packaging"], "right": ["false"]}
    rows = page.get_by_role("row").filter(has_text="wrong: packaging")
    assert rows.count() == page.get_by_role("row").count() - 1 > 10


def test_a_kind_of_mistake_leads_to_its_orders(open_page: Open) -> None:
    page = open_page("/customers/A/mistakes?field=packaging")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Tube", exact=True))
    row.get_by_role("link", name="1 order").click()
    expect(page.get_by_role("link", name="told", exact=True)).to_be_visible()
    page.get_by_role("link", name="told", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Order told")
    expect(page.get_by_role("heading", name="What else it might have been")).to_be_visible()


def test_what_is_asked_for_is_in_the_address_and_in_the_form_again(open_page: Open) -> None:
    page = open_page("/customers/A/predictions")
    page.get_by_label("Part of the choice").select_option("packaging")
    page.get_by_label("Shipped as").fill("Bag")
    page.get_by_label("Right or wrong").select_option("wrong")
    page.get_by_label("Known since").fill("2026-01-06")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/predictions?*")
    asked = {"field": ["packaging"], "shipped": ["Bag"], "right": ["false"], "since": ["2026-01-06"]}
    assert parse_qs(urlsplit(page.url).query) == asked
    shown = page.get_by_role("row").all_inner_texts()
    page.reload()
    assert page.get_by_role("row").all_inner_texts() == shown
    expect(page.get_by_label("Part of the choice")).to_have_value("packaging")
    expect(page.get_by_label("Shipped as")).to_have_value("Bag")
    expect(page.get_by_label("Right or wrong")).to_have_value("false")
    expect(page.get_by_label("Known since")).to_have_value("2026-01-06")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state()
    assert parse_qs(urlsplit(page.url).query) == asked


def test_a_moment_within_a_day_outlives_the_form(open_page: Open) -> None:
    page = open_page("/customers/A?since=2026-01-06T11:30:00Z")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state()
    assert parse_qs(urlsplit(page.url).query) == {"since": ["2026-01-06T11:30:00Z"]}


def test_the_list_goes_on_without_a_gap_and_back_to_the_newest(open_page: Open) -> None:
    page = open_page("/customers/A/predictions")
    seen = []
    while True:
        seen += page.get_by_role("rowheader").all_inner_texts()
        older = page.get_by_role("link", name="Older ones")
        if not older.count():
            break
        older.click()
        page.wait_for_load_state()
    assert seen == ["told", *(str(n) for n in range(299, 4, -1))], (
        "of the first orders, placed before any had shipped, nothing could be said"
    )
    page.get_by_role("link", name="The newest").click()
    expect(page.get_by_role("link", name="told", exact=True)).to_be_visible()


def test_what_fits_comes_as_a_file(open_page: Open) -> None:
    page = open_page("/customers/A/predictions?shipped=Tube")
    files = {}
    for name in ("As CSV", "As NDJSON"):
        address = page.get_by_role("link", name=name).get_attribute("href")
        assert address is not None
        files[name] = page.request.get(address).text()
    assert files["As CSV"].count("told") == 1
    assert json.loads(files["As NDJSON"])["order_id"] == "told"


def test_customers_are_found_by_the_beginning_of_their_id_page_by_page(open_page: Open) -> None:
    page = open_page("/")
    page.get_by_label("The id begins with").fill("small-")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", name="Customers that begin with small-")).to_be_visible()
    seen = page.get_by_role("rowheader").all_inner_texts()
    page.get_by_role("link", name="More customers").click()
    expect(page.get_by_role("link", name="More customers")).to_have_count(0)
    seen += page.get_by_role("rowheader").all_inner_texts()
    assert seen == [f"small-{n:03}" for n in range(MORE_THAN_A_PAGE)]
    expect(page.get_by_label("The id begins with")).to_have_value("small-")


@pytest.mark.parametrize("customer_id", [NASTY, LONG])
def test_every_name_leads_to_its_customer_and_its_orders(open_page: Open, customer_id: str) -> None:
    page = open_page("/?q=" + quote(customer_id[:8]))
    page.get_by_role("rowheader").get_by_role("link").click()
    assert urlsplit(page.url).path == path_of("customers", customer_id)
    page.get_by_role("link", name="All predictions").click()
    page.get_by_role("rowheader").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Order")
    assert page.evaluate("document.title") != "x"


def test_everything_is_reached_by_keyboard_and_shows_where_it_is(open_page: Open) -> None:
    page = open_page("/customers/A")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.reload()
    unfold(page)
    wanted = page.locator("a[href], button, input:not([type=hidden]), select, summary, pre, .scroll").count()
    reached = 0
    for _ in range(3 * wanted):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "(() => { const one = document.activeElement; if (one === document.body) return null;"
            "const first = !one.dataset.seen; one.dataset.seen = 'yes';"
            "const style = getComputedStyle(one); return [first, style.outlineStyle !== 'none'"
            " && parseFloat(style.outlineWidth) >= 2] })()"
        )
        if where is None:
            break
        first, shown = where
        reached += first
        assert shown, page.evaluate("document.activeElement.outerHTML")
    assert reached >= wanted


def test_a_search_is_made_and_followed_by_keyboard_alone(open_page: Open) -> None:
    page = open_page("/")
    page.get_by_label("The id begins with").focus()
    page.keyboard.type("A")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=A")
    page.get_by_role("link", name="A", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/customers/A")


def test_nothing_needs_a_script(open_page: Open) -> None:
    page = open_page("/", script=False)
    page.get_by_role("link", name="A", exact=True).click()
    page.get_by_label("Known since").fill("2026-01-08")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/customers/A?since=2026-01-08")
    assert page.get_by_role("img", name="Share of orders predicted right, over time").count() == 1


def test_without_customers_the_page_says_how_to_begin(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "empty.db") as address, browser.new_context(base_url=address) as context:
        page = context.new_page()
        page.goto("/")
        expect(page.get_by_role("heading", name="Nothing has been learned yet")).to_be_visible()
        expect(page.get_by_text(f"curl -s {address}/v1/shipments")).to_be_visible()
        assert violations(page) == []
