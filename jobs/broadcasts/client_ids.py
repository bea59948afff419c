"""The message id of our own that makes a repeat recognisable: the same row has the same id for good."""

from collections.abc import Callable
from hashlib import blake2b
from uuid import UUID


def client_ids(broadcast: UUID) -> Callable[[int], str]:
    """A function from delivery id to `client_msg_id` (32 hex digits) for one broadcast; the row id itself stays in the house."""
    base = blake2b(broadcast.bytes, digest_size=16)

    def client_id(delivery_id: int) -> str:
        digest = base.copy()
        digest.update(delivery_id.to_bytes(8, "big"))
        return digest.hexdigest()

    return client_id
