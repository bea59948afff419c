"""The sentences of sending receipts in: (Chinese, English)."""

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "receipts": ("小票积分", "Points for a receipt"),
    "receipts_lead": (
        "结账时没报会员？{n} 天内拍下小票，店员核对后入账。",
        "Paid without your card? Send the receipt within {n} days; the store checks it and books your points.",
    ),
    "receipts_rule": (
        "结账时没报会员，{n} 天内可拍小票补积分；店员核对后按消费当日的规则入账，每张只算一次",
        "Paid without your card? A photo of the receipt, sent within {n} days, earns by the rules of its day once the store has checked it; each counts once",
    ),
    "receipt_photo": ("小票照片", "Photo of the receipt"),
    "receipt_photo_hint": ("拍清单号、金额和日期", "Number, amount and date must be readable"),
    "receipt_take": ("拍照或选择照片", "Take or choose a photo"),
    "receipt_again": ("换一张", "Choose another"),
    "receipt_store": ("消费门店", "Store"),
    "receipt_choose": ("请选择", "Choose"),
    "receipt_number": ("小票单号", "Receipt number"),
    "receipt_number_hint": ("照小票填写，字母不分大小写", "As printed; capitals do not matter"),
    "receipt_total": ("实付金额（元）", "Amount paid (¥)"),
    "receipt_day": ("消费日期", "Day of purchase"),
    "receipt_send": ("提交小票", "Send it in"),
    "receipt_sending": ("正在提交…", "Sending…"),
    "receipt_why": (
        "照片只用于核对这笔消费：加密保存，只有该门店有权限的员工能看，处理后 {n} 天删除；拍摄地点等信息上传时即去除。",
        "The photo serves to check this purchase alone: encrypted, seen by authorised staff of that store only, deleted {n} days after the decision; where it was taken is removed at once.",
    ),
    "receipt_sent": ("已提交，请等门店核对", "Sent in; the store will check it"),
    "receipt_taken_back": ("已撤回", "Taken back"),
    "my_receipts": ("我提交的小票", "What I sent in"),
    "no_receipts": ("还没有提交过小票", "Nothing sent in yet"),
    "receipt_waiting": ("待核对", "Waiting"),
    "receipt_waiting_why": ("门店核对后积分入账", "Your points come once the store has checked it"),
    "receipt_credited": ("已入账", "Credited"),
    "receipt_points": ("{n} 积分", "{n} points"),
    "receipt_active": ("{day} 生效", "usable from {day}"),
    "receipt_active_now": ("已生效", "usable now"),
    "receipt_held": ("积分待主管核实", "the points wait for a supervisor"),
    "receipt_none": ("按规则没有积分", "no points by the rules"),
    "receipt_refused": ("未通过", "Refused"),
    "receipt_withdrawn": ("已撤回", "Taken back"),
    "receipt_withdraw": ("撤回", "Take back"),
    "receipts_off_now": ("目前不收小票", "Receipts are not taken at the moment"),
}
