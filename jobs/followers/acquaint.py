"""Followers nobody has looked up yet: met by what they did, because the event of their following never reached us."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select

from app.core.accounts import OpenAccount
from app.core.followers import FOLLOWING
from app.core.house import House
from app.core.log import get_logger
from app.core.nouns import AccountKind, Follower
from app.core.unit import reading
from app.wechat.errors import WeChatError
from app.wechat.gateway import gateway_for
from jobs.followers.ask import BATCH
from jobs.followers.learn import learn

log = get_logger(__name__)
LEFT_TO_OTHERS = timedelta(seconds=15)
"""So long the look-up that follows a follow event, or an import, has time to come first."""
MOST_CALLS = 20
REST_S = 3600
"""An account that may not ask (48001) is asked again after an hour."""


def acquaint(house: House) -> int:
    """Read `user/info` of followers that were never read, account by account; says how many. May run twice, at once, and again after a kill.

    WeChat repeats an event three times and then lets it go, so a house that was away for a minute knows such a person only by what he does later:
    without this his unionid, and with it his consent, would wait for the next import.
    """
    read = 0
    for account in house.accounts.all():
        if account.kind is not AccountKind.MINI and not house.redis.exists(_rest_key(house, account)):
            read += _read_strangers(house, account)
    return read


def _read_strangers(house: House, account: OpenAccount) -> int:
    read = 0
    for openids in _strangers(house, account):
        asked_at = house.clock.now()
        try:
            infos = gateway_for(house, account).read_followers(openids)
        except WeChatError as refused:
            log.warning("followers_not_looked_up", appid=account.appid, code=refused.code)
            house.redis.set(_rest_key(house, account), "1", ex=REST_S)
            break
        answered = {str(info.get("openid", "")) for info in infos}
        # Whom WeChat does not answer for is marked read too, or he would be asked for again and again.
        unknown = [{"openid": openid, "subscribe": 0} for openid in openids if openid not in answered]
        learn(house, account, [*infos, *unknown], asked_at=asked_at)
        read += len(openids)
    return read


def _strangers(house: House, account: OpenAccount) -> Iterator[list[str]]:
    """Up to 20 batches of 100 openids of one account, oldest first; a batch that was read does not come again."""
    last = 0
    for _ in range(MOST_CALLS):
        query = (
            select(Follower.id, Follower.openid)
            .where(
                Follower.account_id == account.id,
                Follower.id > last,
                Follower.state == FOLLOWING,
                Follower.synced_at.is_(None),
                Follower.openid.is_not(None),
                Follower.state_at < house.clock.now() - LEFT_TO_OTHERS,
            )
            .order_by(Follower.id)
            .limit(BATCH)
        )
        with reading(house.engine) as session:
            rows = session.execute(query).all()
        if not rows:
            return
        last = rows[-1].id
        yield [row.openid for row in rows]


def _rest_key(house: House, account: OpenAccount) -> str:
    return f"{house.settings.redis_prefix}:acquaint:rest:{account.appid}"
