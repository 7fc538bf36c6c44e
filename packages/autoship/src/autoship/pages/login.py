"""``/login``: asks for the token, where the service wants one."""

from __future__ import annotations

from autoship.pages.frame import document
from autoship.report.markup import element


def login_page(there: str, problem: str | None = None) -> str:
    """A form that posts ``token``, and ``next``: the address to go on to, ``there``. ``problem`` is what was wrong with
    the last try."""
    token = element(
        "input",
        type="password",
        name="token",
        required="",
        autofocus="",
        autocomplete="current-password",
        aria_describedby=problem and "problem",
    )
    form = element(
        "form",
        element("input", type="hidden", name="next", value=there),
        element("label", "The service's token", token),
        element("button", "Log in", type="submit"),
        method="post",
        action="/login",
        class_="login",
    )
    return document(
        "Log in",
        "Log in",
        element("p", problem, class_="notice", id="problem", role="alert") if problem else None,
        element("section", form),
        lede="Whoever runs this service has set a token (AUTOSHIP_TOKEN). Its pages and its API want it.",
    )
