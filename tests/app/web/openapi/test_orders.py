"""Orders over the API: booked once, refused with problem documents, returned by line."""

import pytest
from sqlalchemy import func, select

from app.core.unit import reading
from cards.models.orders import Purchase
from tests.support.api import Caller, make_caller
from tests.support.cast import LIN
from tests.support.orders import Till, open_till, order_body


@pytest.fixture
def till(house) -> Till:
    return open_till(house)


@pytest.fixture
def caller(house, web, till) -> Caller:
    return make_caller(house, web, programme_id=till.programme_id, unit_id=till.shop.unit_id)


def count(till: Till) -> int:
    with reading(till.house.engine) as session:
        return session.scalar(select(func.count()).select_from(Purchase))


def test_an_order_is_booked_and_answers_with_its_points(till, caller):
    answer = caller.post("/orders", order_body(till, order_no="A-1"))
    assert answer.status_code == 201
    assert answer.json["points"] == 100
    assert answer.json["earned"][0]["available_from"] == "2026-11-29T03:00:00+00:00"
    assert answer.json["lines"][0]["returned_qty"] == 0
    assert LIN.phone not in answer.text
    read = caller.get("/orders/pos/A-1")
    assert read.json == answer.json
    assert till.wallet().pending == 100


def test_the_same_call_again_is_answered_from_the_record(till, caller):
    body = order_body(till)
    first = caller.post("/orders", body, key="one")
    again = caller.post("/orders", body, key="one")
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Hit"] == "true"
    assert "Idempotency-Hit" not in first.headers
    assert (count(till), till.wallet().pending) == (1, 100)


def test_a_retry_with_a_new_key_is_caught_by_the_order_number(till, caller):
    body = order_body(till)
    first = caller.post("/orders", body)
    again = caller.post("/orders", body)
    assert (again.status_code, again.json) == (200, first.json)
    assert (count(till), till.wallet().pending) == (1, 100)


def test_another_body_or_address_under_one_key_is_refused(till, caller):
    body = order_body(till)
    caller.post("/orders", body, key="one")
    other = caller.post("/orders", order_body(till), key="one")
    assert (other.status_code, other.json["code"]) == (422, "key_reused")
    elsewhere = caller.post(f"/orders/pos/{body['order_no']}/returns", body, key="one")
    assert elsewhere.status_code == 422
    assert count(till) == 1


def test_two_clients_may_use_one_key(house, web, till, caller):
    other = make_caller(house, web, programme_id=till.programme_id)
    assert caller.post("/orders", order_body(till), key="one").status_code == 201
    assert other.post("/orders", order_body(till), key="one").status_code == 201


def test_a_refusal_is_kept_too(till, caller):
    body = order_body(till, store="NOWHERE")
    first = caller.post("/orders", body, key="one")
    again = caller.post("/orders", body, key="one")
    assert first.status_code == again.status_code == 422
    assert first.json == again.json
    assert again.headers["Idempotency-Hit"] == "true"
    assert again.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"store": "M1"}, 403, "foreign_store"),
        ({"store": "NOWHERE"}, 422, "unknown_store"),
        ({"phone": "12345"}, 400, "bad_phone"),
        ({"paid_at": "2027-01-01T00:00:00Z"}, 422, "paid_in_future"),
        ({"period": "2026-10"}, 409, "period_not_open"),
        ({"lines": [{"sku": "TEA", "amount_fen": -5}]}, 422, "invalid"),
        ({"lines": []}, 422, "invalid"),
        ({"total_fen": 5}, 422, "invalid"),
        ({"colour": "red"}, 422, "invalid"),
    ],
)
def test_every_refusal_is_a_problem_document_and_changes_nothing(till, caller, change, status, code):
    answer = caller.post("/orders", order_body(till, **change))
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["detail"]
    assert answer.json["detail_en"]
    assert count(till) == 0


def test_an_invalid_field_is_named(till, caller):
    answer = caller.post("/orders", order_body(till, {"sku": "TEA", "amount_fen": -5}))
    assert answer.json["errors"] == [{"field": "lines.0.amount_fen", "detail": "Input should be greater than or equal to 0"}]


def test_known_content_under_one_number_conflicts(till, caller):
    caller.post("/orders", order_body(till, order_no="A-1"))
    other = caller.post("/orders", order_body(till, {"sku": "TEA", "amount_fen": 1}, order_no="A-1"))
    assert (other.status_code, other.json["code"]) == (409, "order_differs")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, "unauthorized"),
        ({"Authorization": "Bearer fk_nothing"}, 401, "unauthorized"),
        ({"Authorization": "Basic abc"}, 401, "unauthorized"),
        ({"Idempotency-Key": ""}, 400, "idempotency_key_missing"),
        ({"Idempotency-Key": "x" * 65}, 400, "bad_idempotency_key"),
        ({"Content-Type": "text/plain"}, 415, "unsupported_type"),
        ({"Content-Encoding": "gzip"}, 415, "encoded_body"),
    ],
)
def test_a_call_without_its_headers_is_refused(till, caller, headers, status, code):
    answer = caller.post("/orders", order_body(till), **headers)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert count(till) == 0


def test_who_may_not_is_told_which_scope_is_missing(house, web, till):
    reader = make_caller(house, web, programme_id=till.programme_id, scopes=["points:read"])
    answer = reader.post("/orders", order_body(till))
    assert (answer.status_code, answer.json["code"]) == (403, "scope_missing")


def test_a_revoked_key_opens_nothing(house, web, till):
    from app.core.clients import ApiClient, revoke_client
    from app.core.unit import work

    caller = make_caller(house, web, programme_id=till.programme_id)
    with work(house.engine) as session:
        name = session.scalars(select(ApiClient.name)).one()
        revoke_client(session, name=name, actor="Mei", now=house.clock.now())
    answer = caller.post("/orders", order_body(till))
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b'{"order_no": "\\ud800"}', b"null", b"[]", b'"x"', b"NaN"])
def test_a_body_that_is_no_order_is_a_problem_and_no_crash(till, caller, body):
    headers = {"Authorization": f"Bearer {caller.key}", "Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = caller.web.post("/api/v1/orders", data=body, headers=headers)
    assert answer.status_code in ((411,) if not body else (400, 422))
    assert answer.content_type == "application/problem+json"


def test_a_body_over_256_kib_is_refused(till, caller):
    answer = caller.post("/orders", {"x": "y" * 256 * 1024})
    assert (answer.status_code, answer.json["code"]) == (413, "body_too_large")


def test_an_order_of_another_unit_does_not_exist(house, web, till, caller):
    group = make_caller(house, web, programme_id=till.programme_id)
    assert group.post("/orders", order_body(till, order_no="M-1", store=till.other_store)).status_code == 201
    assert caller.get("/orders/pos/M-1").status_code == 404
    back = {"return_no": "R1", "returned_at": till.house.clock.now().isoformat(), "lines": [{"line_no": 1}]}
    assert caller.post("/orders/pos/M-1/returns", back).status_code == 404
    assert group.get("/orders/pos/M-1").status_code == 200


@pytest.mark.parametrize("path", ["/orders/pos/none", "/orders/paper/none", "/orders/pos/" + "x" * 65, "/nothing"])
def test_what_is_not_there_is_a_problem(caller, path):
    answer = caller.get(path)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_a_return_takes_its_points_back(till, caller):
    caller.post("/orders", order_body(till, {"sku": "TEA", "quantity": 3, "amount_fen": 10_000}, order_no="A-1"))
    back = {"return_no": "R1", "returned_at": till.house.clock.now().isoformat(), "lines": [{"line_no": 1, "quantity": 1}]}
    answer = caller.post("/orders/pos/A-1/returns", back)
    assert answer.status_code == 201
    assert (answer.json["refund_fen"], answer.json["points_taken_back"]) == (3_333, 33)
    assert answer.json["order"]["points"] == till.wallet().pending == 67
    again = caller.post("/orders/pos/A-1/returns", back)
    assert (again.status_code, again.json["id"], till.wallet().pending) == (200, answer.json["id"], 67)
    too_much = caller.post("/orders/pos/A-1/returns", {**back, "return_no": "R2", "lines": [{"line_no": 1, "quantity": 3}]})
    assert (too_much.status_code, too_much.json["code"]) == (422, "over_returned")


def test_methods_that_do_not_exist_are_problems(caller):
    answer = caller.web.delete("/api/v1/orders", headers={"Content-Type": "application/json", "Content-Length": "0"})
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")


def test_nul_is_refused_wherever_it_stands(till, caller):
    for status, answer in (
        (404, caller.get("/orders/pos/%00")),
        (400, caller.get("/orders/pos/x?after=%00")),
        (400, caller.post("/orders", order_body(till, terminal="T\x001"))),
    ):
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
