"""Freezing: all rows or none, one a person, the account chosen per person, and a reason for everybody left out."""


def test_one_row_a_person_on_the_account_last_active(stage, make_account):
    first, second = make_account(), make_account()
    both = stage.people(first, 3)
    stage.people(second, 3, customers=both, last_interaction_at=stage.house.clock.now())
    alone = stage.people(first, 2)
    broadcast = stage.sent(first, second)
    rows = stage.rows(broadcast)
    assert sorted(row.customer_id for row in rows) == sorted(both + alone)
    assert {row.customer_id: row.account_id for row in rows} == {**dict.fromkeys(both, second.id), **dict.fromkeys(alone, first.id)}
    assert {row.state for row in rows} == {"pending"}
    assert stage.freeze(broadcast).verdict == "already"
