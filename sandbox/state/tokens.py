"""Access tokens: the stable and the legacy kind, isolated from each other, with lifetime, rotation and overlap."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sandbox.state.identity import text_id

if TYPE_CHECKING:
    from sandbox.clock import Clock
    from sandbox.state.account import Account

TokenKind = Literal["stable", "legacy"]
_KEPT_PER_KIND = 200


@dataclass(slots=True)
class Issued:
    """A token that was given out; `superseded_at` is when a newer one stopped it, 0 while it is the newest."""

    token: str
    appid: str
    kind: TokenKind
    serial: int
    issued_at: float
    expires_at: float
    superseded_at: float = 0.0


class TokenBook:
    """All tokens by text, and the newest of each account and kind."""

    def __init__(self, clock: Clock) -> None:
        """Start with no token."""
        self._clock = clock
        self._by_text: dict[str, Issued] = {}
        self._chains: dict[tuple[str, str], list[Issued]] = {}

    def newest(self, appid: str, kind: TokenKind) -> Issued | None:
        """Return the newest token of an account, dead or alive."""
        chain = self._chains.get((appid, kind))
        return chain[-1] if chain else None

    def issue(self, account: Account, kind: TokenKind, *, serial: int, expires_at: float, overlap_s: float) -> Issued:
        """Give out token `serial`; older ones of this kind live at most `overlap_s` longer."""
        now = self._clock.now()
        # The text is derived, so that the log needs to keep only the serial and no credential.
        proof = hashlib.sha256(f"{account.secret}:{account.appid}:{kind}:{serial}".encode()).hexdigest()
        text = f"{90 + serial % 10}_" + text_id(proof, "a", length=76) + text_id(proof, "b", length=76)
        issued = Issued(text, account.appid, kind, serial, now, expires_at)
        chain = self._chains.setdefault((account.appid, kind), [])
        for older in chain:
            if not older.superseded_at or older.superseded_at > now + overlap_s:
                older.superseded_at = now + overlap_s
        chain.append(issued)
        self._by_text[text] = issued
        while len(chain) > _KEPT_PER_KIND:
            del self._by_text[chain.pop(0).token]
        return issued

    def expire(self, appid: str) -> None:
        """Let every token of the account run out now."""
        now = self._clock.now()
        for (owner, _), chain in self._chains.items():
            if owner == appid:
                for issued in chain:
                    issued.expires_at = min(issued.expires_at, now)

    def check(self, text: str) -> tuple[str, int]:
        """Return (appid, errcode): 0 valid, 40014 never given out, 40001 replaced by a newer one, 42001 run out."""
        issued = self._by_text.get(text)
        if issued is None:
            return "", 40014
        now = self._clock.now()
        if issued.superseded_at and now >= issued.superseded_at:
            return issued.appid, 40001
        if now >= issued.expires_at:
            return issued.appid, 42001
        return issued.appid, 0
