"""Problem documents: the shape of RFC 9457, both languages, the headers that belong to them."""

from collections.abc import Iterator

import pytest
from flask import Flask, abort, redirect
from flask.testing import FlaskClient
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Response

from app.core.errors import ConflictError, FankaError
from app.web.problems import install


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    flask_app = Flask("problems")
    install(flask_app)

    @flask_app.get("/ours")
    def ours() -> str:
        raise ConflictError("the coupon was redeemed", code="coupon_redeemed")

    @flask_app.get("/strange")
    def strange() -> str:
        raise FankaError("rather odd", code="odd", status=418)

    @flask_app.get("/http/<int:status>")
    def http(status: int) -> str:
        abort(status)

    @flask_app.get("/moved")
    def moved() -> Response:
        return redirect("/ours")

    @flask_app.get("/boom")
    def boom() -> str:
        raise KeyError("oLin")

    @flask_app.get("/away/<part>")
    def away(part: str) -> str:
        raise RedisConnectionError("secret") if part == "redis" else OperationalError("SELECT 'oLin'", None, Exception("closed"))

    with flask_app.test_client() as opened:
        yield opened


def test_a_refusal_of_ours_keeps_its_code(client: FlaskClient) -> None:
    answer = client.get("/ours")
    problem = answer.get_json(force=True)
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert {name: problem[name] for name in ("type", "title", "status", "code", "detail_en")} == {
        "type": "urn:fanka:problem:coupon_redeemed",
        "title": "Conflict",
        "status": 409,
        "code": "coupon_redeemed",
        "detail_en": "the coupon was redeemed",
    }
    assert problem["detail"] == "当前状态不允许这样做"
    assert answer.headers["Cache-Control"] == "no-store"
    members = list(problem)
    assert members.index("detail") < members.index("detail_en"), "Chinese first"


def test_every_status_has_a_document(client: FlaskClient) -> None:
    for status, code in ((400, "bad_request"), (404, "not_found"), (413, "body_too_large"), (418, "http_418"), (503, "http_503")):
        problem = client.get(f"/http/{status}").get_json(force=True)
        assert (problem["status"], problem["code"]) == (status, code)
    assert client.get("/strange").get_json(force=True)["detail"]


def test_an_address_with_a_nul_leads_nowhere_before_anybody_looks_it_up(client: FlaskClient) -> None:
    assert client.get("/away/data%00base").status_code == 404


def test_headers_that_belong_to_a_refusal_stay(client: FlaskClient) -> None:
    answer = client.post("/ours")
    assert answer.status_code == MethodNotAllowed.code
    assert "GET" in answer.headers["Allow"]


def test_a_redirect_is_no_problem(client: FlaskClient) -> None:
    answer = client.get("/moved")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/ours")


def test_the_unforeseen_says_nothing_of_itself(client: FlaskClient) -> None:
    answer = client.get("/boom")
    assert answer.status_code == 500
    assert "oLin" not in answer.get_data(as_text=True)
    assert "KeyError" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("part", ["redis", "database"])
def test_a_part_that_is_away_is_503_and_worth_another_try(client: FlaskClient, part: str) -> None:
    answer = client.get(f"/away/{part}")
    assert (answer.status_code, answer.get_json(force=True)["code"], answer.headers["Retry-After"]) == (503, "part_away", "5")
    assert "secret" not in answer.get_data(as_text=True)
    assert "oLin" not in answer.get_data(as_text=True)


def test_no_two_requests_share_an_id(client: FlaskClient) -> None:
    first, second = (client.get("/ours").get_json(force=True)["request_id"] for _ in range(2))
    assert first != second
