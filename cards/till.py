"""Where and by whom something happens at a counter."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Till:
    """One counter as the door let it in: a clerk's device, or a till's program with its key.

    `client_id` separates idempotency keys (`device:<public id>`, `client:<public id>`); `actor` is the name in the books; `address` is the
    network address, for limits on guessing.
    """

    client_id: str
    actor: str
    store_id: int
    unit_id: int
    staff_id: int | None = None
    staff: UUID | None = None
    device_id: int | None = None
    address: str = ""
