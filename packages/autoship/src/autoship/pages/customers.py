"""``/``: all customers, and how right each is predicted."""

from __future__ import annotations

from collections.abc import Sequence

from autoship.pages import addresses
from autoship.pages.frame import document, section
from autoship.pages.listing import Column, listing
from autoship.pages.words import moment, name
from autoship.ports import Listed
from autoship.report.markup import Child, Markup, element
from autoship.report.words import NOTHING, percent

COLUMNS = (
    Column("customer", words=True),
    Column("orders"),
    Column("right"),
    Column("approved"),
    Column("wrong of these"),
    Column("approving now"),
    Column("learned until"),
)
IMPORT = "autoship import orders.ndjson"
SEND = """curl -s {address}/v1/shipments -d '[
  {{"customer_id": "acme", "order_id": "1001", "ordered_at": "2026-01-05T10:00:00Z",
   "order": {{"weight_oz": 12, "ship_to": {{"country": "US"}}}},
   "shipment": {{"carrier": "USPS", "service": "Priority"}}}}]'"""


def customers_page(
    customers: Sequence[Listed], *, query: str, after: str | None, more_after: str | None, address: str
) -> str:
    """The customers whose id begins with ``query``, a page of them: those after ``after``. ``more_after`` is where the
    next page begins, None where there is none; ``address`` is the service's own, for a command to copy."""
    if not customers and not query and after is None:
        return document("autoship", "How right is it?", _first_steps(address))
    found = [
        listing(
            "How right predictions were, of all whose outcome somebody saw. A dash: not counted yet.",
            COLUMNS,
            [_row(customer) for customer in customers],
        )
        if customers
        else element("p", _nobody(query, after)),
        _links(query, after, more_after),
    ]
    return document(
        "autoship",
        "How right is it?",
        section("Find a customer", _search(query)),
        section(["Customers that begin with ", name(query)] if query else "Customers", *found),
        lede="Each customer has a model of its own, which learns from what that customer shipped.",
    )


def _row(customer: Listed) -> Sequence[Child]:
    numbers = customer.numbers
    right = approved = wrong = approving = NOTHING
    if numbers is not None:
        right = percent(_share(numbers.right, numbers.predicted))
        approved = percent(_share(numbers.approved, numbers.predicted))
        wrong = percent(_share(numbers.approved_wrong, numbers.approved))
        approving = "yes" if numbers.approving else "no"
    link = element("a", name(customer.customer_id), href=addresses.customer(customer.customer_id))
    return link, f"{customer.orders:,}", right, approved, wrong, approving, moment(customer.until)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _search(query: str) -> Markup:
    field = element("input", type="search", name="q", value=query, maxlength=128, autocomplete="off")
    return element(
        "form",
        element("label", "The id begins with", field),
        element("button", "Find", type="submit"),
        method="get",
        action=addresses.HOME,
        class_="search",
        role="search",
    )


def _nobody(query: str, after: str | None) -> Child:
    if after is not None:
        return "There are no more."
    return ["No customer's id begins with ", name(query), ". Upper and lower case differ."]


def _links(query: str, after: str | None, more_after: str | None) -> Markup | None:
    links = []
    if query or after is not None:
        links.append(element("a", "All customers, from the first", href=addresses.HOME))
    if more_after is not None:
        links.append(element("a", "More customers", href=addresses.customers(query, more_after), rel="next"))
    return element("ul", [element("li", link) for link in links], class_="links") if links else None


def _first_steps(address: str) -> Markup | None:
    return section(
        "Nothing has been learned yet",
        element(
            "p",
            "Send in what was shipped, and come back: each order is predicted as of when it was placed, and compared.",
        ),
        element("p", "A file of past orders, one JSON object a line, while the service is stopped:"),
        element("pre", element("code", IMPORT), tabindex="0"),
        element("p", "Or over HTTP, now:"),
        element("pre", element("code", SEND.format(address=address)), tabindex="0"),
        element("p", "What a record may say: ", element("a", "the API", href="/docs"), "."),
    )
