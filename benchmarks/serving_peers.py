"""The services that autoship's is held against, each on the same server settings: ``serving_peers.py NAME FOLDER``.

``static`` answers the same bytes to everything, and reads nothing. The others are FastAPI as its documentation would
have it (pydantic models in and out, no thread for arithmetic) around a forest. They give a choice, a confidence and two
alternatives: no reasons, no approvals, and they keep nothing.
"""

from __future__ import annotations

import asyncio
import importlib
import signal
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import synthetic
import uvicorn
import uvloop
from autoship.web.server import BACKLOG, server_of
from fastapi import FastAPI
from numpy.typing import NDArray
from pydantic import BaseModel
from serving_features import Columns
from serving_forest import ANSWER, COLUMNS, ONNX, ORDERS, train
from serving_session import session
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import TypedDict


class Item(TypedDict):
    sku: str
    quantity: int


class Place(TypedDict):
    country: str
    state: str
    postal_code: str


class Order(TypedDict):
    total: float
    weight_oz: float
    requested_service: str
    items: list[Item]
    channel: str
    gift: bool
    ship_to: Place


class Asked(BaseModel):
    customer_id: str
    order: Order
    order_id: str | None = None
    ordered_at: datetime | None = None


class Choice(TypedDict):
    shipment: dict[str, str]
    confidence: float


class Answered(BaseModel):
    order_id: str | None
    shipment: dict[str, str]
    confidence: float
    alternatives: list[Choice]


def static(folder: Path) -> ASGIApp:
    """The floor: no routing, no reading, no thinking."""
    body = (folder / ANSWER).read_bytes()
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
    }
    end = {"type": "http.response.body", "body": body}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start)
        await send(end)

    return app


def onnx(folder: Path) -> ASGIApp:
    """FastAPI with onnxruntime."""
    return _fastapi(Columns.load(folder / COLUMNS), session(folder / ONNX))


def scikit(folder: Path) -> ASGIApp:
    """FastAPI with scikit-learn; trained here, on the same orders: a pickle would be no faster."""
    importlib.import_module("sklearn").set_config(assume_finite=True)
    columns, forest = train(synthetic.customer(ORDERS))
    return _fastapi(columns, forest.predict_proba)


def _fastapi(columns: Columns, probabilities: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> ASGIApp:
    app: Any = FastAPI()

    @app.post("/v1/prediction")
    async def predict(asked: Asked) -> Answered:
        row = columns.row(asked.order, asked.ordered_at or datetime.now(UTC))
        return Answered(**columns.answer(asked.order_id, probabilities(row)[0]))

    served: ASGIApp = app
    return served


PEERS = {"static": static, "uvicorn": static, "onnx": onnx, "scikit": scikit}


def main() -> None:
    _, name, folder = sys.argv
    app = PEERS[name](Path(folder))
    with (
        socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run((_serve_plainly if name == "uvicorn" else _serve)(app, listener))


async def _serve(app: ASGIApp, listener: socket.socket) -> None:
    server = server_of(app, ready=lambda at: print(f"listens on {at}", flush=True))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.handle_exit, signal.SIGTERM, None)
    await server.serve(sockets=[listener])


async def _serve_plainly(app: ASGIApp, listener: socket.socket) -> None:
    """uvicorn as it comes, with the same settings, and nothing of autoship's."""
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    host, port = listener.getsockname()
    print(f"listens on http://{host}:{port}", flush=True)
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    main()
