"""The paper about coupons says what the code says."""

import re
import typing

from app.local.place import CHECKOUT
from cards import fraud, held_credit
from cards.coupon_type import coupon_types
from cards.coupons import attempts, claim_codes, packs
from cards.coupons.claim_rules import CLAIM_KINDS
from cards.coupons.worth import ByChance, BySpend, ByTier
from cards.refusals import SENTENCES

PAPER = (CHECKOUT / "docs/coupons.md").read_text()


def rows(title):
    part = PAPER.split(f"## {title}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("| `")]


def test_every_type_is_on_paper_with_its_terms():
    told = {row[0].strip("`"): (row[1], set(re.findall(r"`(\w+)`", row[2]))) for row in rows("Types")}
    assert told == {name: (kind.title, set(kind.terms.model_fields)) for name, kind in coupon_types().items()}


def test_every_refusal_is_on_paper_with_its_sentences():
    told = [(row[0].strip("`"), row[1], row[2]) for row in rows("Refusals")]
    assert told == [(code, f"{said.why_zh} · {said.why_en}", f"{said.next_zh} · {said.next_en}") for code, said in SENTENCES.items()]


def test_the_numbers_of_the_defences_are_on_paper():
    part = " ".join(PAPER.split("## First defences")[1].split("\n## ")[0].split())
    assert f"at most {fraud.MOST_PER_CUSTOMER_DAY} times a day" in part
    assert f"one clerk {fraud.MOST_PER_CLERK_HOUR} and one device {fraud.MOST_PER_DEVICE_HOUR} times an hour" in part
    assert f"at most {attempts.GUESSES} typed codes" in part
    assert f"one address {attempts.ADDRESS_GUESSES}, one till's key {attempts.PROGRAM_GUESSES}" in part
    tries = (
        f"at most {claim_codes.PERSON_TRIES} in ten minutes, one phone {claim_codes.DEVICE_TRIES}, one address {claim_codes.ADDRESS_TRIES}"
    )
    assert tries in part
    assert f"at most {fraud.ACCOUNTS_PER_DEVICE} people claim" in part
    assert f"at most {fraud.MOST_CLAIMS_PER_DEVICE_DAY} coupons a day" in part
    assert held_credit.MOST_BOOKED_FOR_ONE_DAY == 5, "the paper says: the sixth waits"
    assert "the sixth that one clerk books" in part


def test_every_fact_and_rule_of_claiming_is_on_paper():
    part = PAPER.split("## For marketers")[1].split("\n## ")[0]
    assert [kind for kind in CLAIM_KINDS if f"`{kind}`" not in part and f'"{kind}"' not in part] == []
    rules = [typing.get_args(each.model_fields["by"].annotation)[0] for each in (BySpend, ByTier, ByChance)]
    assert [row[0].strip("`") for row in rows("For marketers")] == rules
    assert f"a pack of 2 to {packs.MOST}" in part
