"""The ASGI application: who may ask, which endpoint answers, and that whatever goes wrong ends as a problem, once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from autoship.configuration import Secret
from autoship.errors import AutoshipError, Forbidden, Stopping, TooSlow, Unauthorized
from autoship.service import Autoship
from autoship.web.body import Disconnected
from autoship.web.customers import CustomerEndpoint, CustomersEndpoint
from autoship.web.docs import docs_endpoint, openapi_endpoint
from autoship.web.drain import STOPPING, Drain
from autoship.web.exchange import Exchange, current
from autoship.web.guard import READING, Guard, login_address
from autoship.web.health import Health, Readiness
from autoship.web.html import wants_page
from autoship.web.login import Login, Logout, go
from autoship.web.logs import FIELDS
from autoship.web.metrics import Metrics
from autoship.web.pages import page_routes, send_problem_page
from autoship.web.predictions import PredictionEndpoint, PredictionsEndpoint
from autoship.web.problems import problem_of, problem_of_status, send_problem
from autoship.web.shipments import ShipmentsEndpoint
from autoship.web.traffic import GONE, UNKNOWN, Series, Traffic

logger = logging.getLogger(__name__)
access = logging.getLogger("autoship.access")

ONE_PREDICTION = "/v1/prediction"

BY_THEMSELVES = frozenset({"DELETE", "GET", "HEAD", "PATCH"})
"""The methods of endpoints that tell them apart by themselves."""


def application(
    service: Autoship,
    *,
    token: Secret | None = None,
    drain: Drain | None = None,
    traffic: Traffic | None = None,
    access_log: bool = False,
) -> ASGIApp:
    """The application over ``service``, which stays its maker's to close."""
    drain, traffic = drain or Drain(), traffic or Traffic()
    guard = None if token is None else Guard(token)
    prediction = PredictionEndpoint(service)
    routes = [
        *page_routes(service),
        Route(ONE_PREDICTION, prediction, methods=["POST"]),
        Route("/v1/predictions", PredictionsEndpoint(service), methods=["POST"]),
        Route("/v1/shipments", ShipmentsEndpoint(service), methods=["POST"]),
        Route("/v1/customers", CustomersEndpoint(service), methods=["GET"]),
        Route("/v1/customers/{customer_id:path}", CustomerEndpoint(service)),
        Route("/healthz", Health(), methods=["GET"]),
        Route("/readyz", Readiness(service, drain), methods=["GET"]),
        Route("/metrics", Metrics(service, traffic), methods=["GET"]),
        Route("/login", Login(guard), methods=["GET", "POST"]),
        Route("/logout", Logout(guard), methods=["POST"]),
        Route("/openapi.json", openapi_endpoint(), methods=["GET"]),
        Route("/docs", docs_endpoint(), methods=["GET"]),
    ]
    return Application(prediction, routes, guard=guard, drain=drain, traffic=traffic, access_log=access_log)


class Application:
    """The one prediction goes straight to its endpoint; everything else is routed."""

    def __init__(
        self,
        prediction: ASGIApp,
        routes: Sequence[BaseRoute],
        *,
        guard: Guard | None,
        drain: Drain,
        traffic: Traffic,
        access_log: bool,
    ) -> None:
        self._prediction = prediction
        self._router = Router(routes, redirect_slashes=False)
        self._guard = guard
        self._drain = drain
        self._access_log = access_log
        self._predicting = traffic.of("POST", ONE_PREDICTION)
        self._unknown = traffic.of(*UNKNOWN)
        self._series = {
            (method, route.endpoint): traffic.of(
                "GET" if method == "HEAD" else method, route.path.replace(":path}", "}")
            )
            for route in routes
            if isinstance(route, Route)
            for method in sorted(route.methods or BY_THEMSELVES)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        current.set(exchange)
        exchange.closing = self._drain.begun
        series = self._unknown
        try:
            if exchange.foreign and scope["method"] not in READING:
                raise Forbidden("the page of another site had a browser send this: send it from your application")
            if self._guard is not None:
                self._guard.check(scope)
            if scope["path"] == ONE_PREDICTION and scope["method"] == "POST":
                series = self._predicting
                await self._prediction(scope, exchange.receive, exchange.send)
            else:
                scope["app"] = self
                await self._router(scope, exchange.receive, exchange.send)
        except Disconnected:
            exchange.status = GONE
        except (Exception, asyncio.CancelledError) as error:
            await self._answer(scope, exchange, error)
        finally:
            seconds = perf_counter() - exchange.started
            if series is self._unknown:
                series = self._series_of(scope)
            series.add(exchange.status or GONE, seconds)
            if self._access_log:
                _log_access(scope, exchange, seconds)
            exchange.ended = True

    def _series_of(self, scope: Scope) -> Series:
        return self._series.get((scope["method"], scope.get("endpoint", self)), self._unknown)

    async def _answer(self, scope: Scope, exchange: Exchange, error: Exception | asyncio.CancelledError) -> None:
        """Tells what went wrong. An answer that has begun cannot be taken back: the server cuts it."""
        if isinstance(error, asyncio.CancelledError):
            if not self._drain.over:
                raise error
            error = Stopping(STOPPING)
        if not isinstance(error, AutoshipError | HTTPException):
            logger.error("%s %s failed", scope["method"], _path(scope), exc_info=error)
        if exchange.status:
            logger.warning("the answer to %s %s is cut: %s", scope["method"], _path(scope), type(error).__name__)
            return
        if isinstance(error, Stopping | TooSlow):
            exchange.break_off()
        if isinstance(error, HTTPException):
            await _refuse(scope, exchange.send, error)
        elif isinstance(error, Unauthorized) and scope["method"] in READING and wants_page(scope):
            await go(exchange.send, login_address(scope).decode())
        else:
            await send_problem(exchange.send, problem_of(error))


async def _refuse(scope: Scope, send: Send, error: HTTPException) -> None:
    """What the router refuses: no such place, or not with this method."""
    allowed = (error.headers or {}).get("Allow")
    if allowed is None:
        problem = problem_of_status(HTTPStatus(error.status_code), f"There is nothing at {scope['path']}.")
        await (send_problem_page if wants_page(scope) else send_problem)(send, problem)
    else:
        detail = f"{scope['method']} is not for {scope['path']}: use {allowed}."
        problem = problem_of_status(HTTPStatus(error.status_code), detail)
        await send_problem(send, problem, (b"allow", allowed.encode()))


def _log_access(scope: Scope, exchange: Exchange, seconds: float) -> None:
    fields = {
        "method": scope["method"],
        "path": _path(scope),
        "status": exchange.status,
        "ms": round(seconds * 1000, 2),
    }
    access.info("answered", extra={FIELDS: fields})


def _path(scope: Scope) -> str:
    """As it was sent, percent-encoded and without its query."""
    path: bytes = scope["raw_path"]
    return path.decode("latin-1")
