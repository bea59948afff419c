"""Two processes that meet one person at once make one follower and one customer."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import func, select

from app.core.followers import Sighting, find_follower, meet
from app.core.nouns import Customer, Follower
from app.core.unit import reading, work
from tests.support.cast import LIN, ZHAO


def test_the_same_people_met_by_many_at_once_are_made_once(house, make_account):
    account = make_account()
    people = [Sighting(account.id, account.appid, f"o{number:027d}") for number in range(50)]
    clients = 6
    barrier = Barrier(clients)

    def go(client: int) -> set[tuple[int, int]]:
        order = people if client % 2 else people[::-1]
        barrier.wait()
        with work(house.engine) as session:
            return {(row.id, row.customer_id) for row in meet(session, order, now=house.clock.now()).values()}

    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(go, range(clients)))
    assert all(answer == answers[0] for answer in answers)
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Follower)) == len(people)
        assert session.scalar(select(func.count()).select_from(Customer)) == len(people)


def test_one_openid_on_two_accounts_is_two_followers(house, make_account):
    first, second = make_account(), make_account()
    with work(house.engine) as session:
        met = meet(session, [Sighting(each.id, each.appid, LIN.openid) for each in (first, second)], now=house.clock.now())
    assert len({row.customer_id for row in met.values()}) == 2
    with reading(house.engine) as session:
        found = find_follower(session, account_id=first.id, appid=first.appid, openid=LIN.openid)
        assert found is not None
        assert found.account_id == first.id
        assert find_follower(session, account_id=first.id, appid=first.appid, openid=ZHAO.openid) is None
