"""Cards at WeChat that lag behind the ledger, because money moved without a fact: by night, by hand, or while WeChat was away."""

from datetime import timedelta

from app.core.house import House
from app.core.log import get_logger
from app.core.unit import reading
from app.wechat.errors import WeChatError
from cards.mirror import find_stale, push_standing

log = get_logger(__name__)
BATCH = 200
RUN_FOR_S = 20.0


def sweep_mirrors(house: House, *, run_for_s: float = RUN_FOR_S, batch: int = BATCH) -> int:
    """Push what lags, customer by customer; says how many calls were made. What a refusal stops is tried again by the next sweep."""
    until, calls, after = house.clock.now() + timedelta(seconds=run_for_s), 0, 0
    while house.clock.now() < until:
        with reading(house.engine) as session:
            stale = find_stale(session, after=after, limit=batch)
        for customer_id in stale:
            if house.clock.now() >= until:
                break
            try:
                calls += push_standing(house, customer_id=customer_id, words="积分变动")
            except WeChatError as error:
                log.warning("mirror_refused", code=error.code, reason=error.reason)
                if error.status >= 500:
                    return calls
        if not stale:
            break
        after = stale[-1]
    return calls
