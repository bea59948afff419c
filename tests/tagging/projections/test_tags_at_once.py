"""Several processes on the same people at once: no deadlock, and the same outcome as one after the other."""

import random
from concurrent.futures import ThreadPoolExecutor

from tests.tagging.steps import channel, customers, evidence, fact, held, rule, tags, tell


def test_batches_at_once_end_as_one_after_the_other(house, make_account):
    account = make_account()
    tags(house, "A", "B", exclusive=True)
    tags(house, "busy", "poster")
    rule(house, "A", "menu_key", {"keys": ["a"]})
    rule(house, "B", "menu_key", {"keys": ["b"]})
    rule(house, "busy", "count_in_window", {"kind": "menu.clicked", "at_least": 3, "within_s": 8}, half_life_s=50)
    for scene in ("s1", "s2", "s3"):
        channel(house, account, scene, "poster")
    rng = random.Random(20261122)
    plan = [
        (
            who,
            at_s,
            *rng.choice([("menu.clicked", {"key": "a"}), ("menu.clicked", {"key": "b"}), ("qr.scanned", {"scene": f"s{1 + at_s % 3}"})]),
        )
        for who in range(6)
        for at_s in range(40)
    ]
    rng.shuffle(plan)

    def told(people, mark):
        return [
            fact(house, people[who], kind, at_s, account.id, fact_key=f"{mark}{number:06}", **data)
            for number, (who, at_s, kind, data) in enumerate(plan)
        ]

    alone, crowded = customers(house, account, 6), customers(house, account, 6)
    tell(house, *told(alone, "x"))
    facts = told(crowded, "y")
    with ThreadPoolExecutor(4) as pool:
        # Asking for the results raises what a thread raised: a deadlock, above all.
        list(pool.map(lambda share: tell(house, *share, batch=7), [facts[number::4] for number in range(4)]))

    def seen(people):
        found = []
        for customer_id, _ in people:
            rows = evidence(house, [customer_id])
            told_rows = [
                (row["name"], row["source"], row["first_key"][1:], row["last_key"][1:], row["hits"], round(row["weight"], 6))
                for row in rows
            ]
            found.append((held(house, customer_id), told_rows))
        return found

    assert seen(crowded) == seen(alone)
    assert any("busy" in names for names, _ in seen(alone))
