"""The ASGI application: which endpoint answers, and that whatever goes wrong ends as a problem, once."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from autoship.errors import AutoshipError, InputTooLarge
from autoship.service import Autoship
from autoship.web.body import Disconnected, discard
from autoship.web.customers import CustomerEndpoint, CustomersEndpoint
from autoship.web.docs import docs_endpoint, openapi_endpoint
from autoship.web.health import Health, Readiness
from autoship.web.html import wants_page
from autoship.web.pages import page_routes, send_problem_page
from autoship.web.predictions import PredictionEndpoint, PredictionsEndpoint
from autoship.web.problems import problem_of, problem_of_status, send_problem
from autoship.web.response import LastlySend
from autoship.web.shipments import ShipmentsEndpoint

logger = logging.getLogger(__name__)

ONE_PREDICTION = "/v1/prediction"


def application(service: Autoship) -> ASGIApp:
    """The application over ``service``, which stays its maker's to close."""
    prediction = PredictionEndpoint(service)
    routes = [
        *page_routes(service),
        Route(ONE_PREDICTION, prediction, methods=["POST"]),
        Route("/v1/predictions", PredictionsEndpoint(service), methods=["POST"]),
        Route("/v1/shipments", ShipmentsEndpoint(service), methods=["POST"]),
        Route("/v1/customers", CustomersEndpoint(service), methods=["GET"]),
        Route("/v1/customers/{customer_id:path}", CustomerEndpoint(service)),
        Route("/healthz", Health(), methods=["GET"]),
        Route("/readyz", Readiness(service), methods=["GET"]),
        Route("/openapi.json", openapi_endpoint(), methods=["GET"]),
        Route("/docs", docs_endpoint(), methods=["GET"]),
    ]
    return Application(prediction, Router(routes, redirect_slashes=False))


class Application:
    """The one prediction goes straight to its endpoint; everything else is routed."""

    def __init__(self, prediction: ASGIApp, router: Router) -> None:
        self._prediction = prediction
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        try:
            if scope["path"] == ONE_PREDICTION and scope["method"] == "POST":
                await self._prediction(scope, receive, send)
            else:
                scope["app"] = self
                await self._router(scope, receive, send)
        except Disconnected:
            return
        except HTTPException as error:
            await _refuse(scope, send, error)
        except InputTooLarge as error:
            await _refuse_the_rest(receive, send, error)
        except Exception as error:
            if not isinstance(error, AutoshipError):
                logger.exception("%s %s failed", scope["method"], scope["path"])
            await send_problem(send, problem_of(error))


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


async def _refuse_the_rest(receive: Receive, send: Send, error: InputTooLarge) -> None:
    """Answers before the end of the body, then reads on for a moment and closes the connection."""
    lastly = LastlySend(send)
    await send_problem(lastly, problem_of(error), (b"connection", b"close"))
    await discard(receive)
    await lastly.end()
