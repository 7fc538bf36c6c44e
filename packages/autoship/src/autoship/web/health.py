"""``GET /healthz`` and ``GET /readyz``: whether this process answers. Neither asks the history: were it away, every
copy of the service would leave its fleet at once, those with models in memory too."""

from __future__ import annotations

import msgspec
from starlette.types import Receive, Scope, Send

from autoship.service import Autoship
from autoship.web.response import respond


class Health:
    """Alive."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b'{"status":"ok"}')


class Readiness:
    """Ready, and how the history's last call went."""

    def __init__(self, service: Autoship) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trouble = self._service.history_trouble
        history = {"state": "ok"} if trouble is None else {"state": "away", "detail": trouble}
        await respond(send, msgspec.json.encode({"status": "ready", "history": history}))
