"""The sentences of claiming and giving: (Chinese, English)."""

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    # A typed code
    "claim_code": ("输入兑换码", "Redeem a code"),
    "claim_code_lead": ("短信、包装或海报上的兑换码", "The code of a message, a package or a poster"),
    "claim_code_label": ("兑换码", "Code"),
    "claim_code_hint": ("字母不分大小写，空格和横线可省", "Capitals, blanks and dashes do not matter"),
    "claim_code_go": ("领取优惠券", "Get the coupon"),
    "have_code": ("我有兑换码", "I have a code"),
    # Giving
    "give": ("送给朋友", "Give to a friend"),
    "give_lead": (
        "生成链接后，这张券会暂时离开您的券包；三天内没人领取就自动退回。",
        "It leaves your wallet at once; what nobody takes within three days comes back.",
    ),
    "give_one": ("送出这一张", "Give this one"),
    "give_pack": ("打包分享", "Share several"),
    "give_pack_lead": ("您有 {n} 张这样的券。打成一包，每位朋友领一张。", "You have {n} of these. Each friend takes one out of the pack."),
    "give_pack_go": ("生成分享包", "Make the pack"),
    "how_many": ("几张", "How many"),
    "cannot_give": ("这张券现在不能转赠", "This coupon cannot be given away now"),
    "ready_to_share": ("已准备好，转发本页给朋友", "Ready: forward this page to your friends"),
    "share_how": ("点右上角“···”，选择“发送给朋友”。", "Tap ··· in the corner and choose Send to chat."),
    "share_until": ("{day} 前没人领取，会自动退回您的券包。", "What nobody takes before {day} comes back to you."),
    "recall": ("收回", "Take it back"),
    "recall_rest": ("收回剩下的 {n} 张", "Take {n} back"),
    "recalled": ("已收回，券回到您的券包", "Taken back: they are in your wallet again"),
    "my_gifts": ("送出中的券", "On their way"),
    "no_gifts": ("没有送出中的券", "Nothing is on its way"),
    "no_gifts_why": ("打开一张可转赠的券，点“送给朋友”。", "Open a coupon and choose Give to a friend."),
    "left_of": ("剩 {n} 张，共 {size} 张", "{n} of {size} left"),
    "waits_until": ("等待领取，{day} 退回", "Waiting; comes back on {day}"),
    # Taking
    "gift_from": ("{name}送您一张券", "{name} gives you a coupon"),
    "own_gift": ("您送出的券", "Your gift"),
    "own_pack": ("您的分享包", "Your pack"),
    "pack_from": ("{name}请您领一张券", "{name} shares coupons with you"),
    "a_friend": ("朋友", "A friend"),
    "take_gift": ("收下", "Take it"),
    "gift_over": ("来晚了，已被领走或收回", "Too late: it was taken or called back"),
    "gift_mine": ("您已领取", "It is yours already"),
    "see_mine": ("查看我的券", "See my coupon"),
}
