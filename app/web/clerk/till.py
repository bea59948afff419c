"""Who stands at the counter, as the rooms below know him."""

from app.core.logins import Presence
from cards.till import Till


def till_of(presence: Presence, *, address: str) -> Till:
    """A clerk's device as a counter: its keys are the device's, its name in the books the clerk's."""
    return Till(
        client_id=client_of(presence),
        actor=presence.staff.name,
        store_id=presence.store.id,
        unit_id=presence.store.business_unit_id,
        staff_id=presence.staff.id,
        staff=presence.staff.public_id,
        device_id=presence.device.id,
        address=address,
    )


def client_of(presence: Presence) -> str:
    """Whose idempotency keys these are."""
    return f"device:{presence.device.public_id}"
