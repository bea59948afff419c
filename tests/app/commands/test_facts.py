"""Facts at a terminal: counted by kind, shown without what is personal, page by page."""

import pytest

from app.core.facts import Fact, record
from app.core.nouns import Customer
from app.core.unit import work


@pytest.fixture
def told(house, make_account):
    account = make_account()
    other = make_account()
    now = house.clock.now()
    with work(house.engine) as session:
        customer = Customer(created_at=now)
        session.add(customer)
        session.flush()
        facts = [Fact(f"k{number}", "menu.clicked", now, {"key": "SALE"}, customer.id, None, account.id) for number in range(3)]
        facts.append(Fact("k3", "message.received", now, {"type": "text", "text": "my secret wish"}, customer.id, None, other.id))
        record(session, facts, registry=house.registry, now=now)
    return account, other, customer


def test_facts_are_counted_by_kind_and_account(told, doc, fanka):
    account, _, _ = told
    assert doc("facts", "count") == {"total": 4, "kinds": {"menu.clicked": 3, "message.received": 1}}
    assert doc("facts", "count", "--account", account.appid)["total"] == 3
    assert "menu.clicked" in fanka("facts", "count").out


def test_facts_are_shown_without_words(told, doc, fanka):
    _, other, customer = told
    shown = doc("facts", "show", "--account", other.appid)["facts"]
    assert [(each["kind"], each["customer"], each["data"]) for each in shown] == [
        ("message.received", str(customer.public_id), {"type": "text", "text": "***"})
    ]
    assert "my secret wish" not in fanka("facts", "show").out
    assert "id" not in shown[0]


def test_facts_come_page_by_page_and_by_kind(told, doc, fanka):
    _, _, customer = told
    first = doc("facts", "show", "--limit", "3")
    assert [each["key"] for each in first["facts"]] == ["k0", "k1", "k2"]
    rest = doc("facts", "show", "--after", first["next"])
    assert ([each["key"] for each in rest["facts"]], rest["next"]) == (["k3"], None)
    assert len(doc("facts", "show", "--kind", "menu.clicked", "--customer", str(customer.public_id))["facts"]) == 3
    assert fanka("facts", "show", "--after", "nothing").code == 1
