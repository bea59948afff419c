"""Mini programs: who logged in, and the phone number he shared."""

from app.wechat.answers import text
from app.wechat.areas.base import Area
from app.wechat.shapes import MiniSession, Phone


class Mini(Area):
    def jscode_to_session(self, code: str) -> MiniSession:
        """Turn the code of `wx.login` into openid and session key; it works once. 40029: unknown, used or old."""
        # wechatpy's own call adds an access token, which this one neither needs nor should carry.
        params = {"appid": self._appid, "secret": self.account.secret, "js_code": code, "grant_type": "authorization_code"}
        answer = self._client.open_get("sns/jscode2session", params)
        openid, key = (text(answer, name, appid=self._appid) for name in ("openid", "session_key"))
        return MiniSession(openid, key, str(answer.get("unionid") or ""))

    def read_phone(self, code: str, openid: str = "") -> Phone:
        """Turn the code of `getPhoneNumber` into the number; it works once, within 5 minutes. With `openid` WeChat checks whose it is."""
        wanted = {"code": code} | ({"openid": openid} if openid else {})
        info = self._client.raw("post", "/wxa/business/getuserphonenumber", payload=wanted).get("phone_info")
        return Phone(text(info, "purePhoneNumber", appid=self._appid), text(info, "countryCode", appid=self._appid))
