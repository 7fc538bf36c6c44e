"""``GET /healthz`` and ``GET /readyz``: whether this process answers. Neither asks the history: were it away, every
copy of the service would leave its fleet at once, those with models in memory too."""

from __future__ import annotations

import msgspec
from starlette.types import Receive, Scope, Send

from autoship.service import Autoship
from autoship.web.drain import Drain
from autoship.web.response import respond


class Health:
    """Alive."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b'{"status":"ok"}')


class Readiness:
    """Ready, and how the history's last call went. 503 from the moment at which the service is told to stop."""

    def __init__(self, service: Autoship, drain: Drain) -> None:
        self._service = service
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trouble = self._service.history_trouble
        history = {"state": "ok"} if trouble is None else {"state": "away", "detail": trouble}
        status, state = (503, "stopping") if self._drain.begun else (200, "ready")
        await respond(send, msgspec.json.encode({"status": state, "history": history}), status=status)
