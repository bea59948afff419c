"""Does the group's CRM answer, with the secret and the unit of the settings?"""

from collections.abc import Iterator

from sqlalchemy import select

from app.commands.checks.finding import Finding, bad, ok
from app.core.house import House
from app.core.ids import new_public_id
from app.core.nouns import BusinessUnit
from app.core.unit import reading
from cards.crm.answer import read_answer
from cards.crm.call import CrmError, ask

NOBODY = "10000000000"
"""A number that no network gives out: a sound CRM knows nobody by it."""
_WORDS = {
    "connect": ("没有程序在该地址监听", "nobody listens at the address"),
    "resolve": ("域名解析不到", "its name leads nowhere"),
    "timeout": ("3 秒内没有答复", "no answer within 3 seconds"),
    "tls": ("TLS 证书无效", "its TLS certificate is not valid"),
    "signature_refused": ("签名被拒，双方的 FANKA_CRM_SECRET 不一致", "it refused the signature: the two sides' FANKA_CRM_SECRET differ"),
    "too_large": ("答复超过 64 KiB", "its answer is over 64 KiB"),
}


def check_crm(house: House) -> Iterator[Finding]:
    """One line when a CRM is connected; nothing otherwise."""
    if house.settings.crm_url is None:
        return
    unit = house.settings.crm_unit
    with reading(house.engine) as session:
        known = session.scalar(select(BusinessUnit.id).where(BusinessUnit.name == unit)) is not None
    if not known:
        yield bad("crm", f"没有事业部 {unit} (FANKA_CRM_UNIT)", f"there is no business unit {unit} (FANKA_CRM_UNIT)")
        return
    try:
        body = ask(house.settings, phone=NOBODY, asked_at=house.clock.now(), request_id=f"doctor-{new_public_id()}")
        if body is not None:
            read_answer(body)
    except CrmError as error:
        zh, en = _WORDS.get(error.reason, (f"答复不可用: {error.reason}", f"its answer cannot be used: {error.reason}"))
        yield bad("crm", f"会员系统: {zh}", f"the CRM: {en}")
    else:
        yield ok("crm", "会员系统有答复", "the CRM answers")
