"""Evidence merges the same in Python and in PostgreSQL, in any order and grouping."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tagging.evidence import Evidence, as_evidence, faded, gather, keep, merge
from tagging.models import TagEvidence
from tests.tagging.steps import customers, tags

START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
DAY = 86_400


def piece(second, key, *, weight=1.0, half_life_s=None, life_s=None, customer_id=1, tag_id=1):
    moment = START + timedelta(seconds=second)
    expires_at = None if life_s is None else moment + timedelta(seconds=life_s)
    return Evidence(customer_id, tag_id, "rule:1", 0, key, moment, key, moment, weight, half_life_s, expires_at)


PIECES = st.lists(
    st.builds(
        piece,
        st.integers(0, 100 * DAY),
        st.text("ab:Z_0", min_size=1, max_size=3),
        weight=st.floats(0.001, 1000),
        half_life_s=st.just(DAY),
        life_s=st.sampled_from([None, 50, 10 * DAY]),
    ),
    min_size=1,
    max_size=8,
)


def alike(one):
    return [(each.place, each.first_key, each.last_key, each.expires_at, each.hits, pytest.approx(each.weight, rel=1e-9)) for each in one]


@given(pieces=PIECES, data=st.data())
def test_order_and_grouping_do_not_matter(pieces, data):
    order = data.draw(st.permutations(pieces))
    cut = data.draw(st.integers(0, len(pieces)))
    grouped = gather([*gather(order[:cut]), *gather(order[cut:])])
    assert alike(grouped) == alike(gather(pieces))


@given(pieces=PIECES, data=st.data())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_merges_as_python_does(session, ground, pieces, data):
    customer_id, tag_id = ground
    own = [
        Evidence(
            customer_id, tag_id, "rule:1", 0, each.first_key, each.first_at, each.last_key, each.last_at, each.weight, DAY, each.expires_at
        )
        for each in pieces
    ]
    with session.begin_nested() as block:
        cut = data.draw(st.integers(0, len(own)))
        keep(session, gather(own[cut:]))
        keep(session, gather(own[:cut]))
        rows = session.execute(select(TagEvidence.__table__)).mappings()
        assert alike([as_evidence(row) for row in rows]) == alike(gather(own))
        block.rollback()


@pytest.fixture
def ground(house, make_account, session):
    return customers(house, make_account(), 1)[0][0], tags(house, "t")["t"]


def test_a_weight_halves_with_its_half_life_and_is_gone_in_the_end():
    assert faded(8, half_life_s=100, seconds=0) == 8
    assert faded(8, half_life_s=100, seconds=300) == 1
    assert faded(8, half_life_s=100, seconds=100 * 61) == 0
    assert faded(8, half_life_s=None, seconds=1e9) == 8


def test_what_came_earlier_counts_for_what_is_left_of_it():
    merged = merge(piece(0, "a", half_life_s=100), piece(100, "b", half_life_s=100))
    assert merged.weight == 1.5
    assert (merged.first_key, merged.last_key, merged.hits) == ("a", "b", 2)


def test_one_source_that_never_expires_keeps_the_rest_alive():
    assert merge(piece(0, "a", life_s=10), piece(1, "b")).expires_at is None
    assert merge(piece(0, "a", life_s=10), piece(1, "b", life_s=2)).expires_at == START + timedelta(seconds=10)
