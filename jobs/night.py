"""The night over money, in its order: holds, activate and expire, tiers, orders that wait, stages of life, what is kept no longer.

Every step may run twice and be killed anywhere.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from app.core.house import House, current
from app.core.idempotency import forget_old_keys
from app.core.log import get_logger
from app.core.nouns import Customer
from app.core.tries import drop_old_tries
from app.core.unit import reading, work
from cards.birthdays import greet_birthdays
from cards.ledger.night import release_holds, settle_night
from cards.lifecycle import review_lifecycles
from cards.receipts.pictures import drop_old_pictures
from cards.tier_night import review_tiers
from cards.waiting import attach_orders, awaited

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Night:
    """What one night did."""

    holds: int
    wallets: int
    tiers: int
    birthdays: int
    lifecycles: int
    orders: int
    keys: int
    pictures: int


def run_night(house: House, *, tell: Callable[[str, int], None] = lambda _step, _done: None) -> Night:
    """Run every step once over everything; says what each did. A second run right after the first does nothing.

    `tell` hears a step's name and the number done so far.
    """
    now = house.clock.now()
    holds = release_holds(house.engine, now=now)
    tell("holds", holds)
    wallets = settle_night(house.engine, now=now, tell=lambda done: tell("wallets", done))
    tiers = review_tiers(house, tell=lambda done: tell("tiers", done))
    birthdays = greet_birthdays(house)
    tell("birthdays", birthdays)
    orders = attach_waiting(house)
    tell("orders", orders)
    lifecycles = review_lifecycles(house, tell=lambda done: tell("lifecycles", done))
    pictures = drop_old_pictures(house.engine, now=now)
    with work(house.engine) as session:
        keys = forget_old_keys(session, now=now)
        drop_old_tries(session, now=now)
    done = Night(holds, wallets, tiers, birthdays, lifecycles, orders, keys, pictures)
    log.info("night_done", **asdict(done))
    return done


def attach_waiting(house: House) -> int:
    """Attach every order whose buyer is known by now; says how many."""
    total, after = 0, 0
    while True:
        with reading(house.engine) as session:
            people = [customer.id for customer in awaited(session, after=after)]
        if not people:
            return total
        for customer_id in people:
            total += _attach(house, customer_id)
        after = people[-1]


def night() -> None:
    """The timetable's entry."""
    run_night(current())


def free_holds() -> None:
    """Release holds whose ten minutes are over, all day long."""
    house = current()
    release_holds(house.engine, now=house.clock.now())


def _attach(house: House, customer_id: int) -> int:
    total = 0
    while True:
        with work(house.engine) as session:
            customer = session.get_one(Customer, customer_id)
            done = attach_orders(session, customer=customer, ring=house.ring, registry=house.registry, now=house.clock.now())
        total += done
        if not done:
            return total
