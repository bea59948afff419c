"""Migration: reconciled before anything is written, run once for good, killed and resumed, and proved against the files."""

import csv
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from app.core.errors import BadRequestError, ConflictError
from app.core.nouns import AuditEntry, BusinessUnit, Customer
from app.core.unit import reading, work
from cards.birthdays import greet_birthdays
from cards.coupons.templates import add_template, read_wish
from cards.ledger.verify import verify
from cards.membership import card_of, count_members, find_member
from cards.models.coupons import Coupon, TemplateState
from cards.models.ledger import Lot, PointsTxn, Wallet, WalletKind
from cards.models.membership import ImportedMember, ImportRun, MemberCard
from cards.models.tiers import TierChange, TierRule
from cards.numbers import new_number
from cards.tier_periods import span_now
from cards.tiers import measured_now
from cards.vendor_import import bring as bring_module
from cards.vendor_import import run as run_module
from cards.vendor_import.files import open_bundle, read_rows
from cards.vendor_import.run import run_bundle
from cards.vendor_import.trial import Expected, try_bundle
from tests.support.members import facts_of, join_club, open_club, wallet_now

HEADS = {
    "members": ["member_id", "phone", "card_number", "name", "tier", "tier_until", "joined_on", "points", "balance_fen"],
    "points": ["member_id", "points", "expires_on", "available_on"],
    "balances": ["member_id", "balance_fen"],
    "coupons": ["member_id", "coupon_id", "template", "expires_on"],
}


def put(folder, name, rows, *, encoding="utf-8", heads=None):
    with (folder / f"{name}.csv").open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heads or HEADS[name])
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path):
    """Three members: 老林 with two lots and money, 老赵 in gold, 老王 with nothing."""
    put(
        tmp_path,
        "members",
        [
            ["a1", "138 0000 0001", "", "老林", "银卡", "2027-06-30", "2019-05-01", "1,200", "5000"],
            ["a2", "+8613800000002", "8000000000000003", "老赵", "金卡", "", "2020/01/31", "30", ""],
            ["a3", "13800000003", "", "", "", "", "", "0", "0"],
        ],
    )
    put(tmp_path, "points", [["a1", "700", "2027-01-31", ""], ["a1", "500", "", "2026-12-01"], ["a2", "30", "2026-11-22", ""]])
    put(tmp_path, "balances", [["a1", "5000"]])
    return tmp_path


def attempt(house, club, folder, **expected):
    return try_bundle(house, open_bundle("oldcrm", folder), programme_id=club.programme_id, expected=Expected(**expected))


def go(house, club, folder, **more):
    return run_bundle(house, open_bundle("oldcrm", folder), programme_id=club.programme_id, unit_id=club.shop.unit_id, actor="Mei", **more)


def counts(house):
    with reading(house.engine) as session:
        return [session.scalar(select(func.count()).select_from(each)) for each in (Customer, MemberCard, PointsTxn, Wallet, TierChange)]


def test_a_trial_reconciles_and_writes_nothing_of_a_member(house, folder):
    club = open_club(house)
    before = counts(house)
    trial = attempt(house, club, folder, members=3, points=1230, value_fen=5000, coupons=0)
    assert trial.passed, trial.problems.shown
    assert (trial.members, trial.points, trial.value_fen, trial.known) == (3, 1230, 5000, 0)
    assert counts(house) == before
    assert facts_of(house, "card.imported") == []


def test_the_run_brings_what_the_trial_saw(house, folder):
    club = open_club(house)
    attempt(house, club, folder)
    brought = go(house, club, folder)
    assert (brought.members, brought.fresh, brought.points, brought.value_fen) == (3, 3, 1230, 5000)
    with reading(house.engine) as session:
        lin = find_member(session, programme_id=club.programme_id, phone="13800000001", ring=house.ring)
        zhao = find_member(session, programme_id=club.programme_id, number="8000000000000003")
        assert (lin.tier_id, lin.tier_until) == (club.tiers[1], datetime(2027, 6, 30, 16, 0, tzinfo=UTC))
        assert (lin.opened_at, lin.opened_by) == (datetime(2019, 4, 30, 16, 0, tzinfo=UTC), "import")
        assert zhao.tier_id == club.tiers[2]
        assert zhao.tier_until is not None
        wallet = session.scalars(select(Wallet).where(Wallet.customer_id == lin.customer_id, Wallet.kind == WalletKind.POINTS)).one()
        assert (wallet.active, wallet.pending) == (700, 500)
        lots = session.scalars(select(Lot).where(Lot.wallet_id == wallet.id).order_by(Lot.id)).all()
        assert [(lot.quantity, lot.expires_at) for lot in lots] == [(700, datetime(2027, 1, 31, 16, 0, tzinfo=UTC)), (500, None)]
        assert lots[1].available_from == datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
        assert {lot.issuing_unit_id for lot in lots} == {club.shop.unit_id}
        customer = session.get_one(Customer, lin.customer_id)
        assert house.ring.open(customer.name_sealed, table="customer", column="name_sealed", row=customer.public_id) == "老林"
        rule = session.get_one(TierRule, club.programme_id)
        assert measured_now(session, rule=rule, spans={lin.customer_id: span_now(rule, house.clock.now())}).get(lin.customer_id, 0) == 0
        assert verify(session) == []
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "vendor.imported")).one()
        assert entry.detail == {"vendor": "oldcrm", "members": 3, "points": 1230, "value_fen": 5000}
        run = session.scalars(select(ImportRun)).one()
        assert (run.state, run.done) == ("done", 3)
    assert wallet_now(house, club, lin.customer_id, WalletKind.VALUE).active == 5000
    # Nobody who was brought is greeted as new: no gift, and a fact of its own.
    assert len(facts_of(house, "card.imported")) == 3
    assert facts_of(house, "card.opened") == facts_of(house, "tier.upgraded") == []


def test_a_second_run_changes_nothing_whatever_the_members_did_since(house, folder):
    club = open_club(house)
    attempt(house, club, folder)
    go(house, club, folder)
    before = counts(house)
    brought = go(house, club, folder)
    assert (brought.members, brought.fresh) == (3, 0)
    assert counts(house) == before


def test_a_run_that_is_killed_goes_on_where_it_was(house, folder, monkeypatch):
    club = open_club(house)
    put(folder, "members", [[f"m{n}", f"139{n:08d}", "", "", "", "", "", "", ""] for n in range(30)])
    put(folder, "points", [[f"m{n}", str(n + 1), "", ""] for n in range(30)])
    put(folder, "balances", [])
    attempt(house, club, folder)
    real, seen = run_module.bring, []

    def dies(house, session, person, *, target):
        seen.append(person)
        if len(seen) == 17:
            raise KeyboardInterrupt
        return real(house, session, person, target=target)

    monkeypatch.setattr(run_module, "bring", dies)
    with pytest.raises(KeyboardInterrupt):
        go(house, club, folder, batch=5)
    with reading(house.engine) as session:
        assert count_members(session, club.programme_id) == 15
        assert session.scalars(select(ImportRun)).one().state == "running"
    heard = []
    brought = go(house, club, folder, batch=5, tell=lambda done, total: heard.append((done, total)))
    assert (brought.members, brought.fresh, brought.points) == (30, 15, 465)
    assert heard[-1] == (30, 30)
    with reading(house.engine) as session:
        assert session.scalar(select(func.sum(Wallet.active))) == 465
        assert verify(session) == []


def test_two_runs_at_once_bring_everybody_once(house, folder):
    club = open_club(house)
    numbers = list(range(40))
    random.Random(1).shuffle(numbers)
    put(folder, "members", [[f"m{n}", f"139{n:08d}", "", "", "", "", "", "", ""] for n in numbers])
    put(folder, "points", [[f"m{n}", "10", "", ""] for n in numbers])
    put(folder, "balances", [])
    attempt(house, club, folder)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda size: go(house, club, folder, batch=size), (3, 7, 11)))
    assert sum(each.fresh for each in results) == 40
    with reading(house.engine) as session:
        assert session.scalar(select(func.sum(Wallet.active))) == 400
        assert session.scalar(select(func.count()).select_from(ImportedMember)) == 40
        assert verify(session) == []


def test_files_that_were_not_tried_or_were_changed_are_not_run(house, folder):
    club = open_club(house)
    with pytest.raises(ConflictError) as refused:
        go(house, club, folder)
    assert refused.value.code == "not_tried"
    attempt(house, club, folder)
    with (folder / "points.csv").open("a") as file:
        file.write("a3,999999,,\n")
    with pytest.raises(ConflictError):
        go(house, club, folder)
    assert counts(house)[1] == 0


BAD = [
    ("members", ["a9", "123", "", "", "", "", "", "", ""], "phone"),
    ("members", ["a9", "13900000009", "卡号", "", "", "", "", "", ""], "card_number"),
    ("members", ["a9", "13900000009", "vip", "", "", "", "", "", ""], "card_number"),
    ("members", ["a9", "13900000009", "", "", "钻石", "", "", "", ""], "tier"),
    ("members", ["a9", "13900000009", "", "", "", "", "2030-01-01", "", ""], "joined_on"),
    ("members", ["a9", "13900000009", "", "", "", "31.12.2026", "", "", ""], "tier_until"),
    ("members", ["a9", "13900000009", "", "", "", "", "", "5", ""], "points differ"),
    ("members", ["a9", "13900000009", "", "", "", "", "", "", "5"], "balance differs"),
    ("members", ["a1", "13900000009", "", "", "", "", "", "", ""], "member_id stands twice"),
    ("members", ["a9", "13800000003", "", "", "", "", "", "", ""], "phone stands twice"),
    ("members", ["a9", "13900000009", "8000000000000003", "", "", "", "", "", ""], "card number stands twice"),
    ("members", ["", "13900000009", "", "", "", "", "", "", ""], "member_id"),
    ("members", ["a9", "13900000009"], "columns"),
    ("points", ["nobody", "5", "", ""], "no such member"),
    ("points", ["a1", "-5", "", ""], "points"),
    ("points", ["a1", "1.5", "", ""], "points"),
    ("points", ["a1", "9" * 14, "", ""], "points"),
    ("points", ["a1", "5", "2026-11-21", ""], "expires_on"),
    ("points", ["a1", "5", "2027-01-01", "2027-02-01"], "expires_on"),
    ("balances", ["nobody", "5"], "no such member"),
    ("balances", ["a1", "0"], "balance_fen"),
    ("coupons", ["a1", "c1", "没有这张券", ""], "coupon template"),
]


@pytest.mark.parametrize(("file", "row", "why"), BAD)
def test_a_bad_line_is_named_and_stops_the_run(house, folder, file, row, why):
    club = open_club(house)
    path = folder / f"{file}.csv"
    if not path.exists():
        put(folder, file, [])
    with path.open("a", newline="") as out:
        csv.writer(out).writerow(row)
    trial = attempt(house, club, folder)
    lines = path.read_text().count("\n")
    assert not trial.passed
    assert any(each.file == file and each.line == lines and why in each.why for each in trial.problems.shown), trial.problems.shown
    assert "13900000009" not in str(trial.problems.shown)
    with pytest.raises(ConflictError):
        go(house, club, folder)


@pytest.mark.parametrize("wrong", [{"members": 4}, {"points": 1231}, {"value_fen": 0}, {"coupons": 1}])
def test_totals_that_differ_from_the_vendors_own_stop_it(house, folder, wrong):
    trial = attempt(house, open_club(house), folder, **wrong)
    assert [each.file for each in trial.problems.shown] == ["totals"]


def test_somebody_we_know_already_is_bound_and_keeps_his_number(house, folder):
    from tests.cards.membership.test_enrolment import enter

    club = open_club(house)
    mine = enter(house, club, phone="13800000001").card
    trial = attempt(house, club, folder)
    assert (trial.passed, trial.known) == (True, 1)
    go(house, club, folder)
    with reading(house.engine) as session:
        card = card_of(session, customer_id=mine.customer_id, programme_id=club.programme_id)
        assert card.number == mine.number
        assert card.tier_id == club.tiers[1]
    assert wallet_now(house, club, mine.customer_id).active == 800


def test_a_card_number_that_somebody_else_has_is_refused_in_the_trial(house, folder):
    club = open_club(house)
    taken = join_club(house, club).number
    put(folder, "members", [["a1", "13800000001", taken, "", "", "", "", "", ""]])
    put(folder, "points", [])
    put(folder, "balances", [])
    trial = attempt(house, club, folder)
    assert "somebody else's" in trial.problems.shown[0].why


def test_a_higher_tier_of_ours_is_not_lowered(house, folder):
    from tests.cards.membership.test_enrolment import enter

    club = open_club(house)
    mine = enter(house, club, phone="13800000001").card
    with work(house.engine) as session:
        session.get_one(MemberCard, mine.id).tier_id = club.tiers[2]
    attempt(house, club, folder)
    go(house, club, folder)
    with reading(house.engine) as session:
        assert session.get_one(MemberCard, mine.id).tier_id == club.tiers[2]


def test_a_ledger_that_disagrees_rolls_its_batch_back(house, folder, monkeypatch):
    club = open_club(house)
    attempt(house, club, folder)
    real = bring_module._credit
    monkeypatch.setattr(
        bring_module,
        "_credit",
        lambda house, session, person, card, *, target: (
            real(house, session, person, card, target=target) if person.row.member_id != "a1" else None
        ),
    )
    with pytest.raises(Exception, match="does not hold"):
        go(house, club, folder)
    assert counts(house)[1] == 0


def test_chinese_spreadsheets_are_read_as_they_are_saved(tmp_path):
    put(tmp_path, "members", [["a1", "13800000001", "", "老林", "银卡", "", "", "", ""]], encoding="gb18030")
    assert [row["name"] for _, row in read_rows(tmp_path / "members.csv")] == ["老林"]
    put(tmp_path, "members", [["a1", "13800000001", "", "老林", "", "", "", "", ""]], encoding="utf-8-sig")
    assert [row["member_id"] for _, row in read_rows(tmp_path / "members.csv")] == ["a1"]


def test_what_is_no_csv_and_what_has_no_end_is_refused(tmp_path):
    path = tmp_path / "members.csv"
    for content in (b"x" * 20_000, b'a,"b\n' * 10, b"a,a\n1,2\n", b"\x00\x01\xff\xfe" * 100):
        path.write_bytes(content)
        rows = read_rows(path)
        try:
            found = list(rows)
        except BadRequestError:
            continue
        assert all(isinstance(row, str) for _, row in found)


def test_a_folder_without_members_and_a_strange_vendor_are_refused(tmp_path):
    with pytest.raises(BadRequestError):
        open_bundle("oldcrm", tmp_path)
    put(tmp_path, "members", [])
    for vendor in ("", "a b", "../x", "x" * 33, "供应商"):
        with pytest.raises(BadRequestError):
            open_bundle(vendor, tmp_path)


def test_numbers_made_for_the_members_are_sound(house, folder):
    club = open_club(house)
    attempt(house, club, folder)
    go(house, club, folder)
    with reading(house.engine) as session:
        assert all(len(number) == len(new_number()) for number in session.scalars(select(MemberCard.number)))


def test_coupons_come_with_the_end_they_had_and_limits_hold(house, folder):
    club = open_club(house)
    now = house.clock.now()
    with work(house.engine) as session:
        unit = session.get_one(BusinessUnit, club.shop.unit_id).public_id
        wish = {"name": "满减券", "type": "amount_off", "terms": {"amount_fen": 1000}, "unit": unit, "days_valid": 7, "per_person": 1}
        made = add_template(session, read_wish(wish), programme_id=club.programme_id, now=now, actor="Mei")
        made.state = TemplateState.OPEN
    put(
        folder,
        "coupons",
        [["a1", "c1", "满减券", "2026-12-31"], ["a1", "c2", "满减券", ""], ["a2", "c3", "满减券", ""]],
    )
    assert attempt(house, club, folder, coupons=3).passed
    brought = go(house, club, folder)
    assert (brought.coupons, brought.refused_coupons) == (2, 1)
    with reading(house.engine) as session:
        lin = find_member(session, programme_id=club.programme_id, phone="13800000001", ring=house.ring)
        mine = session.scalars(select(Coupon).where(Coupon.customer_id == lin.customer_id)).one()
        assert mine.expires_at == datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
        assert session.scalar(select(func.count()).select_from(Coupon)) == 2
    assert go(house, club, folder).fresh == 0
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Coupon)) == 2


def test_a_birthday_comes_over_without_its_year(house, tmp_path):
    club = open_club(house)
    put(tmp_path, "members", [["a1", "13800000001", "1990-11-22"]], heads=["member_id", "phone", "birthday"])
    assert attempt(house, club, tmp_path).passed
    go(house, club, tmp_path)
    assert greet_birthdays(house) == 1
