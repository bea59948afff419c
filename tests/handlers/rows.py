"""The table: what WeChat says -> the facts of it -> the follower's state -> what the person is answered."""

from dataclasses import dataclass, field
from typing import Any

FOLLOWING, GONE, UNKNOWN, NOBODY = "following", "gone", "unknown", None

RULES: list[dict[str, Any]] = [
    {"name": "greeting", "trigger": "follow", "reply": {"type": "text", "content": "欢迎关注"}},
    {"name": "coupon", "trigger": "menu", "pattern": "MENU_COUPON", "reply": {"type": "text", "content": "您的优惠券"}},
    {
        "name": "agree-menu",
        "trigger": "menu",
        "pattern": "MENU_AGREE",
        "reply": {"type": "text", "content": "已同意"},
        "records": "consent.granted",
        "consent_version": "2026-11",
    },
    {"name": "stores", "trigger": "scan", "match": "contains", "pattern": "store-", "reply": {"type": "text", "content": "到店有礼"}},
    {"name": "vip", "trigger": "keyword", "pattern": "vip", "reply": {"type": "text", "content": "会员中心"}},
    {"name": "where", "trigger": "keyword", "match": "contains", "pattern": "门店", "reply": {"type": "text", "content": "附近门店"}},
    {
        "name": "number",
        "trigger": "keyword",
        "match": "regex",
        "pattern": r"^会员\s*\d{1,8}$",
        "reply": {"type": "text", "content": "已登记"},
    },
    {"name": "agree", "trigger": "keyword", "pattern": "同意", "records": "consent.granted", "consent_version": "2026-11"},
    {"name": "refuse", "trigger": "keyword", "pattern": "撤回同意", "records": "consent.revoked", "consent_version": "2026-11"},
    {"name": "human", "trigger": "keyword", "pattern": "人工", "reply": {"type": "transfer_customer_service"}},
    {"name": "default", "trigger": "default", "reply": {"type": "text", "content": "稍后回复您"}},
]
WELCOMES = {"123123": {"type": "text", "content": "欢迎来到客村店"}}

CARD = {"card_id": "p1Pj9jr90_SQRaVqYI239Ka1erkI"}
CODED = {**CARD, "code": "226009850808"}
TICKET = "gQH47joAAAAAAAAAASxodHRw"
MSG_ID = "23456789012345678"
TRANSFER = "<transfer_customer_service>"
DEFAULT = "稍后回复您"
POPUP_A = {"template_id": "VRR0UEO9VJOLs0MHlU0OilqX6MVFDwH3_3gz3Oc0NIc", "status": "accept", "scene": "2", "how": "popup"}
POPUP_B = {"template_id": "9nLIlbOQZC5Y89AZteFEux3WCXRRRG5Wfzkpssu4bLI", "status": "reject", "scene": "2", "how": "popup"}
CHANGE_B = {"template_id": POPUP_B["template_id"], "status": "reject", "how": "change"}
BEACON = {"uuid": "FDA50693-A4E2-4FB1-AFCF-C6EB07647825", "major": 10001}


@dataclass(frozen=True)
class Row:
    """One line of the table. `rule` facts name a rule; its public id is looked up by the test."""

    payload: str
    handler: str
    facts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    state: str | None = UNKNOWN
    reply: str | None = None

    @property
    def mini(self) -> bool:
        """JSON is what mini programs send."""
        return self.payload.endswith(".json")


def message(type_: str, **data: Any) -> tuple[str, dict[str, Any]]:
    return ("message.received", {"type": type_, "msg_id": MSG_ID, **data})


def consent(kind: str, via: str) -> tuple[str, dict[str, Any]]:
    return (kind, {"purpose": "join_accounts", "version": "2026-11", "via": via})


def keyword(pattern: str, name: str) -> tuple[str, dict[str, Any]]:
    return ("keyword.matched", {"keyword": pattern, "name": name})


ROWS = [
    Row("follow_search.xml", "follow", [("follower.followed", {"how": "search"})], FOLLOWING, "欢迎关注"),
    Row("follow_paid.xml", "follow", [("follower.followed", {"how": "paid"})], FOLLOWING, "欢迎关注"),
    Row(
        "follow_qr.xml",
        "follow",
        [
            ("follower.followed", {"how": "qr", "scene": "123123", "ticket": TICKET}),
            ("qr.scanned", {"scene": "123123", "ticket": TICKET, "following": False}),
        ],
        FOLLOWING,
        "欢迎来到客村店",
    ),
    Row(
        "follow_qr_no_channel.xml",
        "follow",
        [
            ("follower.followed", {"how": "qr", "scene": "nobody", "ticket": TICKET}),
            ("qr.scanned", {"scene": "nobody", "ticket": TICKET, "following": False}),
        ],
        FOLLOWING,
        "欢迎关注",
    ),
    Row("unfollow.xml", "unfollow", [("follower.unfollowed", {})], GONE),
    Row("scan.xml", "scan", [("qr.scanned", {"scene": "123123", "ticket": TICKET, "following": True})], FOLLOWING, "欢迎来到客村店"),
    Row("scan_rule.xml", "scan", [("qr.scanned", {"scene": "store-12", "ticket": TICKET, "following": True})], FOLLOWING, "到店有礼"),
    Row("menu_click.xml", "menu_click", [("menu.clicked", {"key": "MENU_COUPON"})], FOLLOWING, "您的优惠券"),
    Row(
        "menu_click_consent.xml",
        "menu_click",
        [("menu.clicked", {"key": "MENU_AGREE"}), consent("consent.granted", "menu:agree-menu")],
        FOLLOWING,
        "已同意",
    ),
    Row("menu_view.xml", "menu_view", [("menu.viewed", {"url": "https://shop.example/new", "menu_id": "446701234"})], FOLLOWING),
    Row(
        "menu_scancode_push.xml",
        "menu_tools",
        [("menu.used", {"event": "scancode_push", "key": "6", "scan_type": "qrcode", "scan_result": "1"})],
        FOLLOWING,
    ),
    Row(
        "menu_scancode_waitmsg.xml",
        "menu_tools",
        [
            (
                "menu.used",
                {"event": "scancode_waitmsg", "key": "MENU_COUPON", "scan_type": "barcode", "scan_result": "EAN_13,6901234567892"},
            )
        ],
        FOLLOWING,
        "您的优惠券",
    ),
    Row(
        "menu_pic_sysphoto.xml",
        "menu_tools",
        [("menu.used", {"event": "pic_sysphoto", "key": "6", "count": 1, "pictures": ["1b5f7c23b5bf75682a53e7b6d163e185"]})],
        FOLLOWING,
    ),
    Row(
        "menu_pic_album.xml",
        "menu_tools",
        [
            (
                "menu.used",
                {
                    "event": "pic_photo_or_album",
                    "key": "6",
                    "count": 2,
                    "pictures": ["1b5f7c23b5bf75682a53e7b6d163e185", "5a75aaca956d97be686719218f275c6b"],
                },
            )
        ],
        FOLLOWING,
    ),
    Row(
        "menu_pic_weixin.xml",
        "menu_tools",
        [("menu.used", {"event": "pic_weixin", "key": "6", "count": 1, "pictures": ["5a75aaca956d97be686719218f275c6b"]})],
        FOLLOWING,
    ),
    Row(
        "menu_location_select.xml",
        "menu_tools",
        [
            (
                "menu.used",
                {
                    "event": "location_select",
                    "key": "6",
                    "lat": 23.134,
                    "lng": 113.351,
                    "scale": 15,
                    "label": "广州市海珠区客村艺苑路 106 号",
                },
            )
        ],
        FOLLOWING,
    ),
    Row("mini_entry.xml", "mini_entry", [("mini.entered", {"path": "pages/index/index", "menu_id": "446701234"})]),
    Row(
        "mini_session.json",
        "mini_entry",
        [("mini.entered", {"session": "coupon-page"}), ("service.session", {"event": "user_enter_tempsession", "session": "coupon-page"})],
    ),
    Row("text.xml", "text", [message("text", text="你们几点开门？")], FOLLOWING, DEFAULT),
    Row("text.xml", "default_reply", [message("text", text="你们几点开门？")], FOLLOWING, DEFAULT),
    Row("keyword_exact.xml", "keyword", [message("text", text="ＶＩＰ"), keyword("vip", "vip")], FOLLOWING, "会员中心"),
    Row("keyword_contains.xml", "keyword", [message("text", text="请问附近有门店吗"), keyword("门店", "where")], FOLLOWING, "附近门店"),
    Row("keyword_regex.xml", "keyword", [message("text", text="会员 8848"), keyword(r"^会员\s*\d{1,8}$", "number")], FOLLOWING, "已登记"),
    Row(
        "keyword_consent.xml",
        "keyword",
        [message("text", text="同意"), keyword("同意", "agree"), consent("consent.granted", "keyword:agree")],
        FOLLOWING,
    ),
    Row(
        "keyword_refuse.xml",
        "keyword",
        [message("text", text="撤回同意"), keyword("撤回同意", "refuse"), consent("consent.revoked", "keyword:refuse")],
        FOLLOWING,
    ),
    Row("keyword_transfer.xml", "keyword", [message("text", text="人工"), keyword("人工", "human")], FOLLOWING, TRANSFER),
    Row(
        "media_image.xml",
        "media",
        [message("image", media_id="media_id_1", pic_url="http://mmbiz.qpic.cn/mmbiz/pic")],
        FOLLOWING,
        DEFAULT,
    ),
    Row("media_voice.xml", "media", [message("voice", media_id="media_id_2", format="amr", text="我想办会员卡")], FOLLOWING, DEFAULT),
    Row("media_video.xml", "media", [message("video", media_id="media_id_3", thumb_media_id="thumb_media_id_3")], FOLLOWING, DEFAULT),
    Row(
        "media_shortvideo.xml",
        "media",
        [message("shortvideo", media_id="media_id_4", thumb_media_id="thumb_media_id_4")],
        FOLLOWING,
        DEFAULT,
    ),
    Row(
        "media_link.xml",
        "media",
        [message("link", title="公众平台官网链接", description="公众平台官网链接", url="https://mp.weixin.qq.com/")],
        FOLLOWING,
        DEFAULT,
    ),
    Row(
        "media_file.xml",
        "media",
        [message("file", title="发票.pdf", file_md5="5a75aaca956d97be686719218f275c6b", file_bytes=20480)],
        FOLLOWING,
        DEFAULT,
    ),
    Row(
        "location_message.xml",
        "location",
        [message("location", lat=23.134521, lng=113.358803, scale=20, label="位置信息")],
        FOLLOWING,
        DEFAULT,
    ),
    Row(
        "location_report.xml", "location", [("location.reported", {"lat": 23.137466, "lng": 113.352425, "precision": 119.38504})], FOLLOWING
    ),
    Row(
        "card_claimed.xml",
        "card_claimed",
        [("card.claimed", {**CODED, "outer_str": "12b", "outer_id": "0", "restored": False, "recommended": False})],
    ),
    Row(
        "card_claimed_gift.xml",
        "card_claimed",
        [
            (
                "card.claimed",
                {
                    **CODED,
                    "outer_id": "0",
                    "given_by": "oMeixxxxxxxxxxxxxxxxxxxxxxx1",
                    "old_code": "120000000001",
                    "restored": False,
                    "recommended": False,
                },
            )
        ],
    ),
    Row("card_deleted.xml", "card_deleted", [("card.deleted", CODED)]),
    Row(
        "card_consumed.xml",
        "card_consumed",
        [
            (
                "coupon.redeemed",
                {
                    **CODED,
                    "source": "FROM_MOBILE_HELPER",
                    "location": "客村店",
                    "staff": "oChenxxxxxxxxxxxxxxxxxxxxxx2",
                    "outer_str": "12b",
                },
            )
        ],
    ),
    Row("card_viewed.xml", "card_viewed", [("card.viewed", {**CODED, "outer_str": "12b"})]),
    Row(
        "card_given.xml",
        "card_given",
        [("card.given", {**CODED, "to": "oMeixxxxxxxxxxxxxxxxxxxxxxx1", "returned": False, "chat_room": False})],
    ),
    Row("card_given_back.xml", "card_given", [("card.given", {**CODED, "returned": True, "chat_room": True})]),
    Row(
        "card_paid.xml",
        "card_paid",
        [
            (
                "card.paid",
                {**CODED, "trans_id": "10022403432015000000000", "location_id": "291710000", "fee_fen": 10000, "original_fee_fen": 10000},
            )
        ],
    ),
    Row("card_session.xml", "card_session", [("card.entered_session", CODED)]),
    Row("card_activated.xml", "card_activated", [("card.activated", CODED)]),
    Row("card_updated.xml", "card_updated", [("card.updated", {**CODED, "bonus": 3, "balance": 0})]),
    Row("card_checked_pass.xml", "card_checked", [("card.checked", {**CARD, "passed": True})], NOBODY),
    Row("card_checked_refused.xml", "card_checked", [("card.checked", {**CARD, "passed": False, "reason": "非法代制"})], NOBODY),
    Row(
        "card_checked_merchant.xml",
        "card_checked",
        [("card.checked", {"merchant_id": "12345", "passed": False, "reason": "资料不全"})],
        NOBODY,
    ),
    Row("card_stock.xml", "card_stock", [("card.stock_low", {**CARD, "detail": "the card's quantity is equal to 0"})], NOBODY),
    Row(
        "card_order.xml",
        "card_order",
        [
            (
                "card.ordered",
                {
                    "order_id": "404091456",
                    "status": "ORDER_STATUS_FINANCE_SUCC",
                    "ordered": "1472549042",
                    "paid": "0",
                    "free_coins": "200",
                    "paid_coins": "0",
                    "refunded_free_coins": "0",
                    "refunded_paid_coins": "0",
                    "order_type": "ORDER_TYPE_SYS_ADD",
                    "memo": "开通账户奖励",
                },
            )
        ],
        NOBODY,
    ),
    Row("template_receipt.xml", "template_receipt", [("template.receipted", {"msgid": "200163836", "status": "success"})]),
    Row(
        "template_receipt_blocked.xml", "template_receipt", [("template.receipted", {"msgid": "200163840", "status": "failed:user block"})]
    ),
    Row(
        "mass_receipt.xml",
        "mass_receipt",
        [("mass.receipted", {"msgid": "1000001625", "status": "err(30003)", "total": 100, "filtered": 80, "sent": 75, "errors": 5})],
        NOBODY,
    ),
    Row("subscribe_popup_many.xml", "subscribe_answer", [("subscribe.answered", POPUP_A), ("subscribe.answered", POPUP_B)]),
    Row("subscribe_popup_one.xml", "subscribe_answer", [("subscribe.answered", POPUP_A)]),
    Row("subscribe_change.xml", "subscribe_answer", [("subscribe.answered", CHANGE_B)]),
    Row("subscribe_change_named.xml", "subscribe_answer", [("subscribe.answered", CHANGE_B)]),
    Row(
        "subscribe_popup_json_one.json",
        "subscribe_answer",
        [("subscribe.answered", {"template_id": "tpl1", "status": "accept", "scene": "0", "how": "popup"})],
    ),
    Row(
        "subscribe_popup_json_many.json",
        "subscribe_answer",
        [
            ("subscribe.answered", {"template_id": "tpl1", "status": "accept", "scene": "0", "how": "popup"}),
            ("subscribe.answered", {"template_id": "tpl2", "status": "reject", "scene": "0", "how": "popup"}),
        ],
    ),
    Row(
        "subscribe_sent.xml",
        "subscribe_sent",
        [
            (
                "subscribe.sent",
                {
                    "template_id": POPUP_A["template_id"],
                    "msgid": "1700827132819554304",
                    "error_code": 0,
                    "error_status": "success",
                },
            )
        ],
    ),
    Row("privacy_modified.json", "privacy", [("privacy.changed", {"event": "user_info_modified", "revoke_info": "1"})]),
    Row(
        "privacy_revoke.json",
        "privacy",
        [
            (
                "privacy.changed",
                {"event": "user_authorization_revoke", "revoke_info": "301", "plugin_id": "wx0123", "open_pid": "pid1"},
            )
        ],
    ),
    # Who closes his account is forgotten, and with him what this fact said.
    Row("privacy_cancellation.json", "privacy", [("privacy.changed", {})], GONE),
    Row("service_create.xml", "service_session", [("service.session", {"event": "kf_create_session", "agent": "test1@test"})]),
    Row(
        "service_close.xml",
        "service_session",
        [("service.session", {"event": "kf_close_session", "agent": "test1@test", "close_type": "KF"})],
    ),
    Row(
        "service_switch.xml",
        "service_session",
        [("service.session", {"event": "kf_switch_session", "from_agent": "test1@test", "to_agent": "test2@test"})],
    ),
    Row(
        "notice_qualification.xml",
        "platform_notice",
        [("platform.noticed", {"event": "qualification_verify_success", "fields": {"ExpiredTime": "1442401156"}})],
        NOBODY,
    ),
    Row(
        "notice_naming_fail.xml",
        "platform_notice",
        [("platform.noticed", {"event": "naming_verify_fail", "fields": {"FailTime": "1442401061", "FailReason": "by time"}})],
        NOBODY,
    ),
    Row(
        "notice_expired.xml",
        "platform_notice",
        [("platform.noticed", {"event": "verify_expired", "fields": {"ExpiredTime": "1442401156"}})],
        NOBODY,
    ),
    Row(
        "notice_audit.json",
        "platform_notice",
        [("platform.noticed", {"event": "weapp_audit_success", "fields": {"SuccTime": "1488856741"}})],
        NOBODY,
    ),
    *(
        Row(payload, "platform_notice", [("platform.noticed", {"event": event, "fields": fields})], NOBODY)
        for payload, event, fields in (
            ("notice_naming.xml", "naming_verify_success", {"ExpiredTime": "1442401156"}),
            ("notice_qualification_fail.xml", "qualification_verify_fail", {"FailTime": "1442401122", "FailReason": "by time"}),
            ("notice_renew.xml", "annual_renew", {"ExpiredTime": "1442401093"}),
            ("notice_published.xml", "publishjobfinish", {"PublishEventInfo": {"publish_id": "2247503051", "publish_status": "0"}}),
            ("notice_verify.xml", "wx_verify_dispatch", {"TaskId": "t1", "Provider": "p"}),
        )
    ),
    Row(
        "media_mini_page.json",
        "media",
        [message("miniprogrampage", title="优惠券", mini_appid="wx13974bf780d3dc89", page_path="pages/coupon")],
        FOLLOWING,
        DEFAULT,
    ),
    Row(
        "gift_card_paid.xml",
        "gift_card",
        [("giftcard.paid", {"page_id": "OtpClFZxzFlQIvWmFBE", "order_id": "Z2y2rY74ksZX1ceuGA", "chat_room": False, "returned": False})],
    ),
    Row(
        "gift_card_sent.xml",
        "gift_card",
        [("giftcard.sent", {"page_id": "OtpClFZxzFlQIvWmFBE", "order_id": "Z2y2rY74ksZX1ceuGA", "chat_room": True, "returned": True})],
    ),
    Row(
        "gift_card_accepted.xml",
        "gift_card",
        [("giftcard.accepted", {"page_id": "OtpClFZxzFlQIvWmFBE", "order_id": "Z2y2rY74ksZX1ceuGA", "chat_room": True, "returned": False})],
    ),
    Row(
        "shake.xml",
        "shake",
        [
            (
                "beacon.shaken",
                {
                    **BEACON,
                    "minor": 19641,
                    "distance_m": 0.057,
                    "around": [{**BEACON, "minor": 19642, "distance_m": 166.816}, {**BEACON, "minor": 19643, "distance_m": 15.013}],
                },
            )
        ],
        FOLLOWING,
    ),
    Row(
        "unknown_event.xml",
        "unknown",
        [
            (
                "event.unknown",
                {
                    "event": "guide_qrcode_scan_event",
                    "type": "event",
                    "fields": {
                        "ToUserName": "gh_fanka",
                        "FromUserName": "oLinxxxxxxxxxxxxxxxxxxxxxxx3",
                        "CreateTime": "1795319990",
                        "MsgType": "event",
                        "Event": "guide_qrcode_scan_event",
                        "EventKey": "g1",
                        "GuideScanEvent": {
                            "qrcode_guide_account": "wx_guide",
                            "openid": "oLinxxxxxxxxxxxxxxxxxxxxxxx3",
                            "action": "2",
                        },
                    },
                },
            )
        ],
    ),
    Row(
        "unknown_message.xml",
        "unknown",
        [
            (
                "event.unknown",
                {
                    "event": "",
                    "type": "hologram",
                    "fields": {
                        "ToUserName": "gh_fanka",
                        "FromUserName": "oLinxxxxxxxxxxxxxxxxxxxxxxx3",
                        "CreateTime": "1795319990",
                        "MsgType": "hologram",
                        "Depth": "3",
                        "MsgId": MSG_ID,
                    },
                },
            )
        ],
    ),
]
