"""Customers joined, parted and forgotten: money is neither lost nor doubled, and a later return still finds its lot."""

from datetime import timedelta

from sqlalchemy import select

from app.core import kinds
from app.core.consents import learn_unionids
from app.core.facts import Fact, record
from app.core.followers import Sighting, meet
from app.core.nouns import Customer, Follower
from app.core.observe import observe
from app.core.unit import reading, work
from cards.ledger.merge import merge_wallets
from cards.ledger.returns import give_back, take_back
from cards.ledger.spend import confirm, hold, spend
from cards.ledger.verify import verify
from cards.membership import find_member
from cards.models.ledger import Lot, PointsTxn, TxnKind, WalletKind
from cards.models.membership import CardMirror, CardState, MemberCard
from cards.models.programme import ReturnPolicy
from cards.tiers import requalify
from jobs.reactions.join_tiers import plugin as join_tiers
from tests.support.members import card_now, earn_points, facts_of, join_club, open_club, somebody, wallet_now
from tests.support.money import cause


def unite(house, old, into):
    with work(house.engine) as session:
        session.get_one(Customer, old).joined_into_id = into
        session.flush()
        fact = Fact(f"join:{old}:{into}", kinds.JOINED, house.clock.now(), {"from": old, "into": into}, customer_id=into)
        record(session, [fact], registry=house.registry, now=house.clock.now())
    return fact


def sound(house):
    with reading(house.engine) as session:
        return verify(session) == []


def test_active_pending_and_held_move_and_every_lot_keeps_its_dates(house, clock):
    club = open_club(house, gift=0)
    lin, zhao = join_club(house, club).customer_id, join_club(house, club).customer_id
    earn_points(house, club, zhao, 300)
    earn_points(house, club, zhao, 200, pending=True)
    earn_points(house, club, lin, 50)
    with work(house.engine) as session:
        wallet = wallet_now(house, club, zhao)
        held = hold(
            session,
            wallet_id=wallet.id,
            amount=120,
            unit_id=club.shop.unit_id,
            cause=cause(clock.now()),
            until=clock.now() + timedelta(minutes=5),
        ).txn_id
    with reading(house.engine) as session:
        before = {lot.id: (lot.expires_at, lot.available_from, lot.issuing_unit_id) for lot in session.scalars(select(Lot))}
    unite(house, zhao, lin)
    mine, old = wallet_now(house, club, lin), wallet_now(house, club, zhao)
    assert (mine.active, mine.pending, mine.held) == (230, 200, 120)
    assert (old.active, old.pending, old.held, old.debt) == (0, 0, 0, 0)
    with reading(house.engine) as session:
        after = {lot.id: (lot.expires_at, lot.available_from, lot.issuing_unit_id) for lot in session.scalars(select(Lot))}
        assert after == before
        key = f"join:{zhao}:{lin}:{old.id}"
        txn = session.scalars(select(PointsTxn).where(PointsTxn.kind == TxnKind.TRANSFER, PointsTxn.business_key == key)).one()
        assert txn.reason == "会员合并"
    assert sound(house)
    with work(house.engine) as session:
        confirm(session, hold_txn_id=held, cause=cause(clock.now()))
    assert wallet_now(house, club, lin).held == 0
    assert sound(house)


def test_a_purchase_of_the_joined_one_can_still_be_returned(house):
    club = open_club(house, gift=0)
    lin, zhao = join_club(house, club).customer_id, join_club(house, club).customer_id
    bought = earn_points(house, club, zhao, 300)
    with work(house.engine) as session:
        used = spend(
            session, wallet_id=wallet_now(house, club, zhao).id, amount=100, unit_id=club.shop.unit_id, cause=cause(house.clock.now())
        ).txn_id
    unite(house, zhao, lin)
    with work(house.engine) as session:
        give_back(session, spend_txn_id=used, amount=100, cause=cause(house.clock.now()))
        take_back(session, earn_txn_id=bought, amount=300, policy=ReturnPolicy.REFUSE, cause=cause(house.clock.now()))
    wallet = wallet_now(house, club, lin)
    assert (wallet.active, wallet.debt) == (0, 0)
    assert sound(house)


def test_what_one_owes_the_other_pays(house):
    club = open_club(house, gift=0)
    lin, zhao = join_club(house, club).customer_id, join_club(house, club).customer_id
    bought = earn_points(house, club, zhao, 300)
    with work(house.engine) as session:
        spend(session, wallet_id=wallet_now(house, club, zhao).id, amount=300, unit_id=club.shop.unit_id, cause=cause(house.clock.now()))
        take_back(session, earn_txn_id=bought, amount=300, policy=ReturnPolicy.DEBT, cause=cause(house.clock.now()))
    earn_points(house, club, lin, 450)
    unite(house, zhao, lin)
    wallet = wallet_now(house, club, lin)
    assert (wallet.active, wallet.debt) == (150, 0)
    assert sound(house)


def test_a_customer_without_a_wallet_takes_the_other_ones_over(house):
    club = open_club(house)
    old, lin = join_club(house, club), somebody(house)
    unite(house, old.customer_id, lin)
    card = card_now(house, club, lin)
    assert card.number == old.number
    assert wallet_now(house, club, lin).active == 100
    assert wallet_now(house, club, lin, WalletKind.VALUE).active == 0
    assert sound(house)


def test_the_same_join_twice_moves_once(house):
    club = open_club(house, gift=0)
    lin, zhao = join_club(house, club).customer_id, join_club(house, club).customer_id
    earn_points(house, club, zhao, 300)
    unite(house, zhao, lin)
    unite(house, zhao, lin)
    with work(house.engine) as session:
        again = cause(house.clock.now(), key=f"join:{zhao}:{lin}:{wallet_now(house, club, zhao).id}")
        merge_wallets(session, from_wallet_id=wallet_now(house, club, zhao).id, into_wallet_id=wallet_now(house, club, lin).id, cause=again)
    assert wallet_now(house, club, lin).active == 300
    assert sound(house)


def test_the_higher_tier_stays_and_both_pasts_count(house):
    club = open_club(house, gift=0)
    lin, zhao = join_club(house, club).customer_id, join_club(house, club).customer_id
    earn_points(house, club, zhao, 1200)
    with work(house.engine) as session:
        requalify(session, customer_id=zhao, programme_id=club.programme_id, registry=house.registry, now=house.clock.now())
    until = card_now(house, club, zhao).tier_until
    fact = unite(house, zhao, lin)
    join_tiers.act(house, [fact])
    assert (card_now(house, club, lin).tier_id, card_now(house, club, lin).tier_until) == (club.tiers[1], until)
    earn_points(house, club, lin, 1800)
    join_tiers.act(house, [fact])
    assert card_now(house, club, lin).tier_id == club.tiers[2]
    assert [each.data["why"] for each in facts_of(house, "tier.upgraded")] == ["qualified", "joined", "qualified"]


def follower(house, account, openid):
    with work(house.engine) as session:
        (found,) = meet(session, [Sighting(account.id, account.appid, openid)], now=house.clock.now()).values()
        return found.id, found.customer_id


def said(house, account, follower_id, customer_id, kind, data, key):
    fact = Fact(key, kind, house.clock.now(), data, customer_id=customer_id, follower_id=follower_id, account_id=account.id)
    with work(house.engine) as session:
        observe(session, [fact], registry=house.registry, retention={account.id: account.retention}, now=house.clock.now())


def mirrored(house, club, account, customer_id, code="1234"):
    with work(house.engine) as session:
        mirror = CardMirror(
            programme_id=club.programme_id, account_id=account.id, adapter="legacy", card_id="pLegacy", created_at=house.clock.now()
        )
        session.add(mirror)
        session.flush()
        card = session.scalars(select(MemberCard).where(MemberCard.customer_id == customer_id)).one()
        card.mirror_id, card.mirror_code = mirror.id, code


def test_who_is_forgotten_keeps_card_and_ledger_without_a_way_to_him(house, make_account):
    club, account = open_club(house), make_account()
    follower_id, lin = follower(house, account, "o-lin")
    card = join_club(house, club, lin)
    earn_points(house, club, lin, 40)
    mirrored(house, club, account, lin)
    house.clock.advance(timedelta(seconds=1))
    said(house, account, follower_id, lin, kinds.UNFOLLOWED, {}, "gone")
    kept = card_now(house, club, lin)
    assert (kept.number, kept.mirror_id, kept.mirror_code) == (card.number, None, None)
    assert wallet_now(house, club, lin).active == 140
    with reading(house.engine) as session:
        assert session.get_one(Follower, follower_id).openid is None
        found = find_member(session, programme_id=club.programme_id, number=card.number)
        assert found is not None
        assert found.id == card.id
    assert sound(house)


def test_consent_joins_cards_and_its_end_leaves_them_with_who_stays(house, make_account):
    club, first, second = open_club(house), make_account(), make_account()
    (a, lin), (b, other) = follower(house, first, "o-a"), follower(house, second, "o-b")
    mine, his = join_club(house, club, lin), join_club(house, club, other)
    mirrored(house, club, second, other)
    said(house, first, a, lin, kinds.CONSENT_GRANTED, {"purpose": "join_accounts", "version": "1", "via": "keyword"}, "yes")
    with work(house.engine) as session:
        learn_unionids(session, {a: "u-lin", b: "u-lin"}, registry=house.registry, now=house.clock.now())
    assert wallet_now(house, club, lin).active == 200
    joined = card_now(house, club, lin)
    assert (joined.id, joined.mirror_code) == (mine.id, "1234")
    with reading(house.engine) as session:
        assert session.get_one(MemberCard, his.id).state == CardState.MERGED
    house.clock.advance(timedelta(seconds=1))
    said(house, first, a, lin, kinds.CONSENT_REVOKED, {"purpose": "join_accounts"}, "no")
    with work(house.engine) as session:
        learn_unionids(session, {a: "u-lin", b: "u-lin"}, registry=house.registry, now=house.clock.now())
    with reading(house.engine) as session:
        parted = session.get_one(Follower, b).customer_id
        assert parted not in (lin, other)
        assert session.scalars(select(MemberCard).where(MemberCard.customer_id == parted)).all() == []
    kept = card_now(house, club, lin)
    assert kept.mirror_code is None, "the wallet of who left must not show the balance of who stays"
    assert wallet_now(house, club, lin).active == 200
    assert sound(house)
