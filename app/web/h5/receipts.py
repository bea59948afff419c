"""`/me/receipts`: a member sends a photo of his receipt, and sees what became of it."""

import re
import unicodedata
from datetime import date, timedelta
from uuid import UUID, uuid4

from flask import Blueprint, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.core.clock import business_day
from app.core.errors import BadRequestError, FankaError
from app.core.nouns import Store
from app.core.tries import count_try
from app.web.h5.device import device_of
from app.web.h5.door import Door, Member
from app.web.h5.upload import read_upload
from cards.receipts.pictures import KEPT_AFTER_VERDICT, MOST_BYTES, draw_anew
from cards.receipts.reading import list_own
from cards.receipts.sending import Told, find_sent, send, takes_receipts, withdraw

TRIES = 20
"""How many pictures an hour one member may let us decode."""
_MONEY = re.compile(r"[¥]?(\d{1,7})(?:\.(\d{1,2}))?元?")
_TOO_LARGE = BadRequestError(
    "照片超过 5 MB，请重拍或压缩 / the photo is over 5 MB; take a smaller one", code="picture_too_large", status=413
)


def add_routes(blueprint: Blueprint, door: Door) -> None:
    """`/me/receipts` and `/me/receipts/<id>/withdraw`."""

    @blueprint.get("/me/receipts")
    def own_receipts() -> Response:
        with door.reading() as session:
            return _page(door, session, door.member(session))

    @blueprint.post("/me/receipts")
    def send_receipt() -> Response:
        given, sent = read_upload(door, "photo", limit=MOST_BYTES, too_large=_TOO_LARGE)
        key = _key(given.get("key", ""))
        with door.reading() as session:
            member = door.member(session)
            if find_sent(session, key, customer_id=member.customer.id) is not None:
                return redirect("/me/receipts?done=sent", 303)
        count_try(door.house.engine, f"h5receipt:{member.customer.public_id}", most=TRIES, window=timedelta(hours=1), now=door.now)
        try:
            _send(door, given, sent, key)
        except FankaError as error:
            if error.status >= 500:
                raise
            with door.reading() as session:
                return _page(door, session, door.member(session), why=door.words.of_error(error), given=given, status=error.status)
        return redirect("/me/receipts?done=sent", 303)

    @blueprint.post("/me/receipts/<uuid:receipt_id>/withdraw")
    def withdraw_receipt(receipt_id: UUID) -> Response:
        door.form()
        with door.work() as session:
            withdraw(session, receipt_id, customer_id=door.member(session).customer.id, now=door.now)
        return redirect("/me/receipts?done=taken_back", 303)


def _send(door: Door, given: dict[str, str], sent: bytes, key: UUID) -> None:
    if not sent:
        raise BadRequestError("请先拍下小票 / take a photo of the receipt first", code="no_picture", status=422)
    told = Told(given.get("number", ""), _fen(given.get("total", "")), _day(given.get("day", "")))
    store = _store(given.get("store", ""))
    # Decoded before a transaction is open.
    picture = draw_anew(sent)
    with door.work() as session:
        member = door.member(session)
        send(
            session,
            door.house.ring,
            told,
            store_id=store,
            picture=picture,
            form_key=key,
            customer=member.customer,
            programme=member.programme,
            device=device_of(door),
            now=door.now,
        )


def _page(
    door: Door, session: Session, member: Member, *, why: str = "", given: dict[str, str] | None = None, status: int = 200
) -> Response:
    today, days = business_day(door.now), member.programme.receipt_days
    taken = takes_receipts(session, member.programme, now=door.now)
    return door.page(
        "receipts",
        status,
        now=door.now,
        done="" if why else {"sent": "receipt_sent", "taken_back": "receipt_taken_back"}.get(request.args.get("done", ""), ""),
        why=why,
        given=given or {},
        taken=taken,
        days=days,
        kept_days=KEPT_AFTER_VERDICT.days,
        stores=session.scalars(select(Store).order_by(Store.name, Store.id).limit(500)).all() if taken else [],
        # Another try after a mistake is another form: the first brought nothing.
        key=str(uuid4()),
        first_day=(today - timedelta(days=days)).isoformat(),
        today=today.isoformat(),
        receipts=list_own(session, member.customer.id),
    )


def _key(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError as error:
        raise BadRequestError("页面已过期，请返回重试 / this page is too old; go back and try again", code="bad_form") from error


def _store(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError as error:
        raise BadRequestError("请选择门店 / choose the store", code="unknown_store", status=422) from error


def _fen(written: str) -> int:
    """Yuan as people write them, by digits alone: a float would lose a fen."""
    found = _MONEY.fullmatch(unicodedata.normalize("NFKC", written).replace(",", "").replace(" ", "").replace("。", "."))
    if found is None:
        raise BadRequestError("请填写实付金额，如 128.50 / give the amount that was paid, such as 128.50", code="bad_amount", status=422)
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise BadRequestError("请选择消费日期 / choose the day of the purchase", code="bad_day", status=422) from error
