"""What the gateway answers over HTTP: its page, the same as JSON, its metrics, and whether it is alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from flotilla.domain.load import Statistics
from flotilla.domain.status import StatusDocument, encode_status
from flotilla.errors import ProxyError
from flotilla.ports import Proxy
from flotilla.programs.gateway_http import Page, Pages
from flotilla.programs.gateway_loop import GatewayLoop
from flotilla.programs.gateway_metrics import KIND, exposition
from flotilla.programs.gateway_page import page
from flotilla.programs.gateway_page_style import POLICY
from flotilla.programs.gateway_status import document, service_of
from flotilla.programs.gateway_traffic import TrafficCounter

FRESH_S = 0.25
"""Statistics younger than this serve for one more page."""

SAMPLE_S = 5.0
ALIVE_S = 60.0
"""A loop that has not ended a round for so long hangs."""


class GatewayPages:
    """``clock`` tells unix seconds, ``program`` is the program's version."""

    def __init__(self, loop: GatewayLoop, proxy: Proxy, program: str, clock: Callable[[], float]) -> None:
        self._loop = loop
        self._proxy = proxy
        self._program = program
        self._clock = clock
        self._traffic = TrafficCounter(service_of, clock())
        self._asking = asyncio.Lock()
        self._statistics: Statistics | None = None
        self._asked_s = float("-inf")

    def pages(self) -> Pages:
        """By their paths."""
        return {
            "/status": self._page,
            "/status.json": self._json,
            "/metrics": self._metrics,
            "/healthz": self._health,
        }

    async def sample(self) -> None:
        """Counts the requests of the last minute, for ever."""
        while True:
            try:
                statistics = await self._proxy.statistics(servers=False)
            except ProxyError:
                pass
            else:
                self._traffic.sample(statistics, self._loop.haproxy.worker, self._clock())
            await asyncio.sleep(SAMPLE_S)

    async def _document(self) -> StatusDocument:
        async with self._asking:
            if not 0 <= self._clock() - self._asked_s < FRESH_S:
                try:
                    self._statistics = await self._proxy.statistics()
                    self._traffic.sample(self._statistics, self._loop.haproxy.worker, self._clock())
                except ProxyError:
                    self._statistics = None
                self._asked_s = self._clock()
        return document(self._loop, self._statistics, self._traffic, self._program, self._clock())

    async def _page(self) -> Page:
        headers = {"Content-Security-Policy": POLICY}
        return Page(body=page(await self._document()), kind="text/html", headers=headers)

    async def _json(self) -> Page:
        return Page(body=encode_status(await self._document()), kind="application/json")

    async def _metrics(self) -> Page:
        told = exposition(await self._document(), self._loop)
        return Page(body=told.encode(), kind=KIND)

    async def _health(self) -> Page:
        well = self._clock() - self._loop.ended_s < ALIVE_S
        return Page(status=200 if well else 503, body=b"well\n" if well else b"the loop hangs\n", kind="text/plain")
