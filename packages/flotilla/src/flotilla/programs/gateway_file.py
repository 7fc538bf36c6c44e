"""Which gateway file is served by: the last that was handed out, can be read, and makes a configuration that HAProxy
takes. A broken or refused one changes nothing but the warnings."""

from __future__ import annotations

from flotilla.domain.handed import GatewayFile, decode_handed, encode_handed, handed_hash
from flotilla.errors import HandedFileError, StoreError
from flotilla.ports import GatewayStore
from flotilla.programs.backoff import Backoff
from flotilla.programs.gateway_journal import Journal

ABOUT = "gateway.json"
COPY = "the copy of gateway.json"


class ServedFile:
    """``serving`` is the file that holds (None: there was no good one yet), ``offer`` another that waits to be
    tried."""

    def __init__(self, store: GatewayStore, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._seen: bytes | None = b""
        self._unsaved = False
        self._saving = Backoff(1, 30)
        self._before: GatewayFile | None = None
        self.offer: GatewayFile | None = None
        self.offer_hash = ""
        self.serving: GatewayFile | None = None
        self.hash: str | None = None
        try:
            data = store.accepted()
            if data is not None:
                self._serve(decode_handed(GatewayFile, data))
        except (HandedFileError, StoreError) as error:
            journal.trouble(COPY, str(error))

    def _serve(self, file: GatewayFile) -> None:
        self.serving = file
        self.hash = handed_hash(file)

    def look(self) -> bool:
        """Reads what is handed out; says whether it is other than at the last look."""
        try:
            data = self._store.offered()
        except StoreError as error:
            self._journal.trouble(ABOUT, str(error))
            return False
        if data == self._seen:
            return False
        self._seen = data
        self.offer = None
        try:
            if data is None:
                raise HandedFileError("there is none yet: waiting for a deploy to hand it out")
            offer = decode_handed(GatewayFile, data)
        except HandedFileError as error:
            going_on = f" (generation {self.serving.generation} goes on)" if self.serving else ""
            self._journal.trouble(ABOUT, f"{error}{going_on}")
            return True
        self._journal.trouble(ABOUT, None)
        self.offer = None if offer == self.serving else offer
        self.offer_hash = handed_hash(offer)
        return True

    def take(self) -> None:
        """The offer is good: from now on it is served by."""
        if self.offer is None:
            return
        before = f"generation {self.serving.generation}" if self.serving else "none"
        self._before = self.serving
        self._serve(self.offer)
        self._journal.did(ABOUT, f"generation {self.offer.generation} of gateway.json holds", f"before: {before}")
        self.offer = None
        self._unsaved = True
        self._saving.reset()

    def prove(self) -> None:
        """HAProxy runs by what is served."""
        self._before = None

    def take_back(self) -> bool:
        """What was taken last is not good after all: what was served by before holds again, and the other is an offer.
        False where nothing was taken since HAProxy ran by what is served."""
        if self._before is None:
            return False
        self.offer, before, self._before = self.serving, self._before, None
        self._serve(before)
        self._journal.did(ABOUT, f"generation {before.generation} of gateway.json holds again")
        return True

    def save(self, now_s: float) -> None:
        """Keeps a copy of what is served by, where there is none yet: it serves when gateway.json breaks."""
        if not self._unsaved or self.serving is None or not self._saving.allows(now_s):
            return
        try:
            self._store.accept(encode_handed(self.serving))
        except StoreError as error:
            self._saving.failed(now_s)
            self._journal.trouble(COPY, str(error))
        else:
            self._unsaved = False
            self._journal.trouble(COPY, None)
