"""Mini programs: login and phone number, by codes that work once."""

from typing import Any

from app.wechat.twin.calls.base import MINI, Call, call, refuse
from app.wechat.twin.state import Contact

LOGIN = "/sns/jscode2session"


def _use(made: Call, code: Any, kind: str) -> Contact:
    if not isinstance(code, str) or not code:
        refuse(41008)
    what, openid = made.known.codes.get(code, ("", ""))
    if what != kind:
        refuse(40029)
    return made.known.contacts[openid]


@call(LOGIN, MINI)
def login(made: Call) -> dict[str, Any]:
    contact = _use(made, made.params.get("js_code"), "login")
    kind = f"login_minute:{contact.openid}"
    if made.known.counters.used(kind) >= made.twin.quota["login_minute"]:
        refuse(45011)
    made.known.counters.add(kind)
    del made.known.codes[made.params["js_code"]]
    answer = {"openid": contact.openid, "session_key": f"key-{contact.openid}"}
    return answer | ({"unionid": contact.unionid} if made.known.unionid_scope else {})


@call("/wxa/business/getuserphonenumber", MINI)
def phone(made: Call) -> dict[str, Any]:
    contact = _use(made, made.body.get("code"), "phone")
    if made.body.get("openid") not in {None, contact.openid}:
        refuse(40003)
    del made.known.codes[made.body["code"]]
    return {"phone_info": {"phoneNumber": contact.phone, "purePhoneNumber": contact.phone, "countryCode": "86"}}
