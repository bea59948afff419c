"""The words of claim pages, Chinese first; what a marketer wrote stands beside them as he wrote it."""

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "page_take": ("立即领取", "Take it"),
    "page_take_for": ("{n} 积分兑换", "For {n} points"),
    "page_again": ("再领一张", "Take another"),
    "page_taken": ("已领取", "Yours"),
    "page_use": ("去使用", "Use it"),
    "page_join": ("成为会员", "Become a member"),
    "page_join_take": ("开卡领取", "Join and take it"),
    "page_log_in": ("登录领取", "Log in to take it"),
    "page_new": ("领取成功，已放入“我的优惠券”", "It is in My coupons now"),
    "page_preview": ("预览：仅供查看，不能领取", "Preview: to look at, not to take from"),
    "page_until": ("活动截至 {at}", "Until {at}"),
    "page_early": ("活动还没开始", "Not open yet"),
    "page_early_why": ("{at} 开始，到时再来看看。", "It opens on {at}: come back then."),
    "page_over": ("活动已结束", "This is over"),
    "page_over_why": ("感谢关注。已领取的优惠券仍在“我的优惠券”里。", "Thank you for coming. What you took is still in My coupons."),
    "page_nowhere": ("没有找到这个活动", "There is no such page"),
    "page_nowhere_why": ("链接可能写错了，或页面还没有发布。", "The link may be wrong, or the page is not open to everybody yet."),
    "page_code": ("输入兑换码", "Enter a code"),
    "page_code_go": ("兑换", "Use it"),
    "page_mine": ("我的优惠券", "My coupons"),
    "page_card": ("我的会员卡", "My card"),
    "page_rules_of": ("使用条件", "Conditions"),
}
