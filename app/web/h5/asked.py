"""A till asks the customer whether it may take an amount from his balance: he agrees or declines on his code's page."""

from uuid import UUID

from flask import Blueprint, Response, redirect
from werkzeug.wrappers import Response as AnyResponse

from app.core.errors import NotFoundError
from app.core.tries import count_try
from app.web.h5.door import Door
from cards.value_consent import CONSENT_LIFE, answer_consent

MOST_ANSWERS = 30


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me/asked/<id>`."""

    @blueprint.post("/me/asked/<asked>")
    def answer_till(asked: str) -> AnyResponse | Response:
        """His answer, once; then the code's page says what became of it."""
        agrees = door.form().get("answer") == "agree"
        with door.reading() as session:
            customer_id = door.member(session).customer.id
        count_try(door.house.engine, f"asked:{customer_id}", most=MOST_ANSWERS, window=CONSENT_LIFE, now=door.now)
        with door.work() as session:
            answer_consent(session, _uuid(asked), customer_id=customer_id, agrees=agrees, now=door.now)
        return redirect(f"/me/code?said={'agreed' if agrees else 'declined'}", 303)


def _uuid(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError as error:
        raise NotFoundError("没有这笔待确认的付款 / there is no such payment", code="no_consent") from error
