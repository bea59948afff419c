"""Schemathesis over `/api/v1`, from the API's own document: whatever is sent, no 5xx, and answers as the document says."""

import itertools

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from app.core.unit import work
from app.web.openapi import mount_api
from cards.membership import open_card
from cards.models.membership import CardPath
from tests.support.api import make_caller
from tests.support.orders import open_till, order

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
_keys = itertools.count()


@pytest.fixture
def api_schema(house):
    """The schema of an API over a house with a member, an order and points."""
    till = open_till(house, pending_days=0)
    till.book(order(till, order_no="A-1"))
    with work(house.engine) as session:
        opened = open_card(
            session,
            customer_id=till.lin_id,
            programme_id=till.programme_id,
            path=CardPath.CLERK,
            registry=house.registry,
            actor="Chen",
            now=house.clock.now(),
        )
    application = Flask("fuzzed", static_folder=None)
    mount_api(application, house)
    caller = make_caller(house, application.test_client(), programme_id=till.programme_id)
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    schema.config.headers = {"Authorization": f"Bearer {caller.key}"}
    return schema, opened.card.number, till.store


def operations(schema):
    return {f"{found.ok().method.upper()} {found.ok().path}": found.ok() for found in schema.get_all_operations()}


OPERATIONS = [
    "POST /orders",
    "GET /orders/{source}/{order_no}",
    "POST /orders/{source}/{order_no}/returns",
    "GET /members/{member}/points",
    "GET /members/{member}/points/statement",
    "POST /members/{member}/points/adjustments",
    "POST /members/{member}/points/transfers",
    "POST /members/{member}/points/donations",
]


def fuzz(api_schema, name, examples):
    schema, member, store = api_schema
    seen = set()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operations(schema)[name].as_strategy(), known=st.booleans())
    def send(case, known):
        if known and "member" in case.path_parameters:
            case.path_parameters["member"] = member
        if known and "source" in case.path_parameters:
            case.path_parameters.update(source="pos", order_no="A-1")
        if known and isinstance(case.body, dict):
            true = {"store": store, "paid_at": "2026-11-01T00:00:00Z", "returned_at": "2026-11-22T03:30:00Z", "points": 1, "to": member}
            case.body.update({word: said for word, said in true.items() if word in case.body})
            for who in ("phone", "card", "customer", "total_fen", "period"):
                case.body.pop(who, None)
        if case.headers and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"fuzz{next(_keys)}"
        seen.add(case.call_and_validate(checks=CHECKS).status_code)

    send()
    return seen


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_call_breaks_the_api_or_its_document(api_schema, name):
    seen = fuzz(api_schema, name, 15)
    assert seen - {401, 403}, "the key opened nothing"


def test_what_else_the_api_offers_does_not_break_either(api_schema):
    for name in sorted(set(operations(api_schema[0])) - set(OPERATIONS)):
        fuzz(api_schema, name, 6)
