"""Reactions: run once when they must, again when they may, and not at all when it is too late."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.errors import ConflictError
from app.core.facts import ReactionRow
from app.core.unit import reading, work
from app.wechat.errors import RecipientRefused, Transient, Unanswered, Unreached
from jobs.reactions_run import run_reactions, sweep_reactions
from tests.support.stories import hear, said


class Effect:
    name = "effect"
    listens = ("menu.clicked",)

    def __init__(self, *, repeatable=True, deadline_s=None, batch=1, fails=(), takes_s=0):
        self.repeatable, self.deadline_s, self.batch = repeatable, deadline_s, batch
        self.fails, self.takes_s = list(fails), takes_s
        self.seen = []

    def wants(self, fact):
        return fact.data.get("menu") != "dull"

    def act(self, house, facts):
        self.seen.append([fact.key for fact in facts])
        house.clock.advance(timedelta(seconds=self.takes_s))
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error


@pytest.fixture
def account(make_account):
    return make_account()


def put(house, effect):
    house.registry.reactions[:] = [effect]
    return effect


def states(house):
    with reading(house.engine) as session:
        return list(session.scalars(select(ReactionRow.state).order_by(ReactionRow.fact_key)))


def test_a_reaction_runs_once_and_only_for_facts_it_wants(house, account):
    effect = put(house, Effect())
    hear(house, said(house, account, "menu.clicked", menu="coupons"), said(house, account, "menu.clicked", menu="dull"))
    assert run_reactions(house) == 1
    assert run_reactions(house) == 0
    assert (len(effect.seen), states(house)) == (1, ["done"])


def test_facts_travel_together_where_the_effect_takes_many(house, account):
    effect = put(house, Effect(batch=3))
    hear(house, *(said(house, account, "menu.clicked", number) for number in range(7)))
    run_reactions(house)
    assert [len(keys) for keys in effect.seen] == [3, 3, 1]


def test_a_failure_waits_and_is_tried_again(house, account):
    effect = put(house, Effect(fails=[OSError()]))
    hear(house, said(house, account, "menu.clicked"))
    run_reactions(house)
    assert states(house) == ["pending"]
    assert run_reactions(house) == 0
    house.clock.advance(timedelta(seconds=3))
    run_reactions(house)
    assert (len(effect.seen), states(house)) == (2, ["done"])


def test_ten_failures_are_enough_and_a_refusal_is_final_at_once(house, account):
    effect = put(house, Effect(fails=[OSError()] * 10))
    hear(house, said(house, account, "menu.clicked"))
    for _ in range(12):
        run_reactions(house)
        house.clock.advance(timedelta(hours=1))
    assert (len(effect.seen), states(house)) == (10, ["failed"])
    effect = put(house, Effect(fails=[ConflictError("no")]))
    hear(house, said(house, account, "menu.clicked"))
    run_reactions(house)
    assert (len(effect.seen), sorted(states(house))) == (1, ["failed", "failed"])


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (Transient(-1, "system error"), ("pending", "-1")),
        (Unreached("the token store is away"), ("pending", "0")),
        (RecipientRefused(43004, "require subscribe"), ("failed", "43004")),
    ],
    ids=["busy", "unreached", "refused"],
)
def test_what_wechat_answers_is_written_down_and_stops_no_other(house, account, error, end):
    """WeChat's codes are numbers; two reactions, the first of which meets one."""
    told, other = Effect(fails=[error]), Effect()
    other.name = "other"
    house.registry.reactions[:] = [told, other]
    hear(house, said(house, account, "menu.clicked"))
    run_reactions(house)
    with reading(house.engine) as session:
        rows = session.execute(select(ReactionRow.name, ReactionRow.state, ReactionRow.last_error).order_by(ReactionRow.name)).all()
    assert [tuple(row) for row in rows] == [("effect", *end), ("other", "done", None)]


def test_past_its_deadline_it_is_not_made(house, account):
    effect = put(house, Effect(deadline_s=60))
    hear(house, said(house, account, "menu.clicked", -61))
    run_reactions(house)
    assert (effect.seen, states(house)) == ([], ["expired"])


@pytest.mark.parametrize(("repeatable", "end", "calls"), [(True, ["done"] * 3, 4), (False, ["done", "done", "unknown"], 3)])
def test_a_process_that_dies_in_the_second_of_three_calls(house, account, repeatable, end, calls):
    effect = put(house, Effect(repeatable=repeatable, fails=[None, SystemExit()]))
    hear(house, *(said(house, account, "menu.clicked", number) for number in range(3)))
    with pytest.raises(SystemExit):
        run_reactions(house)
    assert run_reactions(house) == 0
    house.clock.advance(timedelta(minutes=2))
    run_reactions(house)
    assert (len(effect.seen), sorted(states(house))) == (calls, end)


def test_slow_calls_give_back_what_has_not_begun_and_what_is_too_late_by_then_is_not_made(house, account):
    effect = put(house, Effect(repeatable=False, deadline_s=40, takes_s=15))
    hear(house, *(said(house, account, "menu.clicked", menu=str(number)) for number in range(5)))
    assert run_reactions(house) == 2
    assert sorted(states(house)) == ["done", "done", "pending", "pending", "pending"]
    run_reactions(house)
    assert (len(effect.seen), sorted(states(house))) == (3, ["done"] * 3 + ["expired"] * 2)


def test_what_may_not_be_repeated_does_not_wait_behind_slow_calls(house, account):
    slow, once = Effect(takes_s=61, fails=[OSError()]), Effect(repeatable=False)
    once.name = "once"
    house.registry.reactions[:] = [slow, once]
    hear(house, said(house, account, "menu.clicked"))
    run_reactions(house)
    assert (len(once.seen), sorted(states(house))) == (1, ["done", "pending"])


def test_a_runner_that_was_overtaken_does_not_speak_for_its_successor(house, account):
    class Overtaken(Effect):
        def act(self, house, facts):
            super().act(house, facts)
            if len(self.seen) == 1:
                house.clock.advance(timedelta(minutes=2))
                run_reactions(house)

    effect = put(house, Overtaken(fails=[None, OSError()]))
    hear(house, said(house, account, "menu.clicked"))
    run_reactions(house)
    assert (len(effect.seen), states(house)) == (2, ["pending"])


def test_an_effect_without_a_key_is_tried_again_when_it_was_certainly_not_made(house, account):
    effect = put(house, Effect(repeatable=False, fails=[Unreached("the token store is away")]))
    hear(house, said(house, account, "menu.clicked"))
    run_reactions(house)
    assert states(house) == ["pending"]
    house.clock.advance(timedelta(hours=1))
    run_reactions(house)
    assert (len(effect.seen), states(house)) == (2, ["done"])


@pytest.mark.parametrize("error", [TimeoutError(), Unanswered("no answer"), Transient(-1, "system error")], ids=["time", "silence", "busy"])
def test_an_effect_without_a_key_is_never_repeated_after_an_unknown_outcome(house, account, error):
    effect = put(house, Effect(repeatable=False, fails=[error]))
    hear(house, said(house, account, "menu.clicked"))
    run_reactions(house)
    house.clock.advance(timedelta(hours=1))
    run_reactions(house)
    assert (len(effect.seen), states(house)) == (1, ["unknown"])


def test_the_fact_and_its_reaction_stand_or_fall_together(house, account):
    put(house, Effect())
    entry = said(house, account, "menu.clicked")
    from jobs.ingest import record_batch

    with pytest.raises(RuntimeError), work(house.engine) as session:
        record_batch(session, [entry], house=house)
        raise RuntimeError
    assert states(house) == []


def test_the_sweep_wakes_the_runner_only_for_what_is_due(house, account):
    put(house, Effect())
    assert not sweep_reactions(house)
    hear(house, said(house, account, "menu.clicked"))
    house.queues.claimed("jobs.reactions_run.run_due")
    assert sweep_reactions(house)
    assert not sweep_reactions(house)
    assert house.queues.queue("urgent").count >= 1
