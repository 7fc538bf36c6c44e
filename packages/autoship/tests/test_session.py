"""Who may ask: the token, the cookie of somebody who logged in, and the way there and back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from autoship.configuration import Secret
from autoship.pages.login import login_page
from autoship.web.exchange import trace_of
from autoship.web.guard import OPEN, Guard, safe_next
from autoship.web.session import COOKIE, LASTS_S, Sessions
from hypothesis import given
from hypothesis import strategies as st
from test_http import assert_problem, serving

TOKEN = "s3cret-token"
PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("session") / "autoship.db", token=Secret(TOKEN)) as address:
        yield address


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=20) as client:
        yield client


def log_in(client: httpx.Client, token: str = TOKEN, **fields: str) -> httpx.Response:
    return client.post("/login", data={"token": token, **fields})


def value(cookie: bytes) -> bytes:
    return cookie.partition(b";")[0]


CALLS = [
    ("POST", "/v1/prediction"),
    ("POST", "/v1/predictions"),
    ("POST", "/v1/shipments"),
    ("GET", "/v1/customers/acme"),
    ("DELETE", "/v1/customers/acme"),
    ("GET", "/metrics"),
    ("GET", "/nothing"),
    ("GET", "/"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "shown", [None, "", "Bearer", "Bearer s3cret-toke", "Bearer s3cret-token2", "Basic s3cret-token", "é"]
)
def test_whoever_shows_no_token_gets_nothing(client: httpx.Client, method: str, path: str, shown: str | None) -> None:
    headers = {} if shown is None else {"authorization": shown.encode()}
    response = client.request(method, path, headers=headers)
    assert_problem(response, 401)
    assert response.json()["type"] == "urn:autoship:problem:unauthorized"
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in response.text


@pytest.mark.parametrize("shown", ["Bearer s3cret-token", "bearer s3cret-token", "BEARER  s3cret-token"])
def test_whoever_shows_the_token_is_served(client: httpx.Client, shown: str) -> None:
    response = client.post(
        "/v1/prediction", json={"customer_id": "acme", "order": {}}, headers={"authorization": shown}
    )
    assert response.status_code == 200
    assert client.get("/metrics", headers={"authorization": shown}).status_code == 200


@pytest.mark.parametrize("path", sorted(OPEN - {"/logout"}))
def test_health_and_the_way_in_are_open(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_a_browser_is_sent_to_the_login_and_back(client: httpx.Client) -> None:
    sent = client.get("/v1/customers/a%20b?x=1&y=%2F", headers=PAGE)
    assert sent.status_code == 303
    assert sent.headers["location"] == "/login?next=/v1/customers/a%2520b%3Fx%3D1%26y%3D%252F"
    page = client.get(sent.headers["location"], headers=PAGE)
    there = re.search(r'name="next" value="([^"]*)"', page.text)
    assert there is not None
    back = log_in(client, next=there[1].replace("&amp;", "&"))
    assert (back.status_code, back.headers["location"]) == (303, "/v1/customers/a%20b?x=1&y=%2F")
    assert_problem(client.get(back.headers["location"], headers=PAGE), 400, "x")


def test_a_wrong_token_is_told_and_opens_nothing(client: httpx.Client) -> None:
    response = log_in(client, "wrong")
    assert response.status_code == 403
    assert 'role="alert"' in response.text
    assert "set-cookie" not in response.headers
    assert "wrong" not in response.text


def test_the_cookie_is_for_this_service_alone(client: httpx.Client) -> None:
    cookie = log_in(client).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={LASTS_S}"} < set(cookie.split("; "))
    assert "Secure" not in cookie
    behind = client.post("/login", data={"token": TOKEN}, headers={"x-forwarded-proto": "https"})
    assert "Secure" in behind.headers["set-cookie"].split("; ")
    assert TOKEN not in cookie


def test_the_cookie_reads_and_changes_nothing(client: httpx.Client) -> None:
    log_in(client)
    assert client.get("/metrics").status_code == 200
    assert client.get("/login").headers["location"] == "/"
    for method, path in CALLS:
        if method != "GET":
            assert_problem(client.request(method, path, content=b"{}"), 401)


def test_after_the_logout_nothing_is_open(client: httpx.Client) -> None:
    log_in(client)
    assert client.post("/logout").headers["location"] == "/login"
    assert_problem(client.get("/metrics"), 401)


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_another_sites_form_is_refused(client: httpx.Client, path: str) -> None:
    response = client.post(path, data={"token": TOKEN}, headers={"sec-fetch-site": "cross-site"})
    assert_problem(response, 403)
    assert client.post(path, data={"token": TOKEN}, headers={"sec-fetch-site": "same-origin"}).status_code == 303


@pytest.mark.parametrize("site", ["cross-site", "same-site", "whatever comes later"])
def test_another_sites_page_can_have_a_browser_change_nothing_with_or_without_a_token(
    client: httpx.Client, site: str
) -> None:
    foreign = {"sec-fetch-site": site, "authorization": f"Bearer {TOKEN}", "content-type": "text/plain"}
    for method, path in CALLS:
        response = client.request(method, path, content=b"{}", headers=foreign)
        assert (response.status_code == 403) is (method != "GET")


@pytest.mark.parametrize("body", [b"", b"token=%ff%fe", b"\xff", b"&" * 20_000, b"a=1&" * 11])
def test_what_is_no_form_is_no_fault_of_the_service(client: httpx.Client, body: bytes) -> None:
    assert client.post("/login", content=body).status_code in (400, 403, 413)


def test_without_a_token_everything_is_open_and_the_login_leads_on(tmp_path: Path) -> None:
    with serving(tmp_path / "autoship.db") as server, httpx.Client(base_url=server) as anybody:
        assert anybody.get("/metrics").status_code == 200
        assert anybody.get("/login?next=/metrics").headers["location"] == "/metrics"
        assert log_in(anybody, "", next="/metrics").headers["location"] == "/metrics"


@pytest.mark.parametrize(
    ("address", "there"),
    [
        ("/", "/"),
        ("/customers/acme?right=false#top", "/customers/acme?right=false#top"),
        ("", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/\r\nset-cookie: a=b", "/"),
        ("/é", "/"),
        ("evil.example", "/"),
        ("/login?next=/", "/"),
        ("/logout", "/"),
    ],
)
def test_the_login_leads_to_no_other_site(address: str, there: str) -> None:
    assert safe_next(address) == there


@given(st.text(max_size=40) | st.from_regex(r"[/\\]{1,3}[a-z.@:/\\]{0,20}", fullmatch=True))
def test_wherever_the_login_leads_it_is_here(address: str) -> None:
    there = safe_next(address)
    assert str(httpx.URL("http://here.example/login").join(there)).startswith("http://here.example/")


def test_a_session_ends_and_is_of_its_token_alone() -> None:
    sessions = Sessions(Secret(TOKEN))
    cookie = value(sessions.open(NOW, secure=True))
    assert sessions.holds(cookie, NOW)
    assert sessions.holds(b'theme="dark; x={}; ' + cookie + b"; z", NOW + LASTS_S - 1)
    assert not sessions.holds(cookie, NOW + LASTS_S)
    assert not Sessions(Secret("another")).holds(cookie, NOW)
    assert not sessions.holds(value(sessions.close(secure=True)), NOW)


@given(st.binary(max_size=120) | st.integers(0, 10**13).map(lambda until: b"%s=%d.%064x" % (COOKIE.encode(), until, 7)))
def test_no_cookie_is_made_up(cookie: bytes) -> None:
    assert not Sessions(Secret(TOKEN)).holds(cookie, NOW)


def test_a_cookie_with_a_later_end_is_no_session() -> None:
    sessions = Sessions(Secret(TOKEN))
    name, _, rest = value(sessions.open(NOW, secure=False)).partition(b"=")
    until, _, signature = rest.partition(b".")
    assert not sessions.holds(b"%s=%d.%s" % (name, int(until) + 1, signature), NOW)


@given(st.binary(max_size=60))
def test_whatever_is_shown_is_compared_and_never_a_fault(shown: bytes) -> None:
    assert Guard(Secret(TOKEN)).is_token(shown) is (shown == b"Bearer s3cret-token")


def test_the_page_of_the_login_escapes_what_it_is_given() -> None:
    assert '"/&lt;script&gt;&quot;"' in login_page('/<script>"', None)


@pytest.mark.parametrize(
    ("traceparent", "trace"),
    [
        (b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", b"0af7651916cd43dd8448eb211c80319c"),
        (b"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later", b"0af7651916cd43dd8448eb211c80319c"),
        (b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later", None),
        (b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None),
        (b"00-00000000000000000000000000000000-b7ad6b7169203331-01", None),
        (b"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", None),
        (b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", None),
        (b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", None),
        (b"", None),
    ],
)
def test_a_traceparent_is_taken_as_w3c_says(traceparent: bytes, trace: bytes | None) -> None:
    assert trace_of(traceparent) == trace
