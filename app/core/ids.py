"""Public identifiers: UUIDv7, so that they sort by birth and reveal no count."""

import os
import time
from uuid import UUID


def new_public_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits."""
    value = (int(time.time() * 1000) & 0xFFFFFFFFFFFF) << 80
    value |= int.from_bytes(os.urandom(10), "big")
    value &= ~(0xF << 76)
    value |= 0x7 << 76
    value &= ~(0x3 << 62)
    value |= 0x2 << 62
    return UUID(int=value)
