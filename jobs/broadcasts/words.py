"""What the states and reasons of a broadcast are called, Chinese first."""

from typing import NamedTuple


class Words(NamedTuple):
    """One thing in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"


BROADCAST = {
    "planned": Words("已计划", "planned, waiting to be sent"),
    "scheduled": Words("已定时", "scheduled"),
    "starting": Words("正在确定名单", "fixing the list of recipients"),
    "sending": Words("发送中", "sending"),
    "paused": Words("已暂停", "paused"),
    "cancelled": Words("已取消", "cancelled"),
    "finished": Words("已完成", "finished"),
    "refused_late": Words("错过时间, 未发送", "found too late, not sent"),
}

DELIVERY = {
    "pending": Words("待发送", "pending"),
    "sending": Words("正在发送", "sending"),
    "sent": Words("已提交, 等回执", "taken by WeChat, no receipt yet"),
    "delivered": Words("已送达", "delivered"),
    "blocked": Words("被用户屏蔽", "blocked by the person"),
    "failed": Words("失败", "failed"),
    "unknown": Words("结果未知, 等回执", "no answer: waiting for the receipt"),
    "undecided": Words("24 小时仍未知, 不再自动重发", "undecided after 24 hours, never sent again by itself"),
    "left_out": Words("未列入", "left out"),
}

LEFT_OUT = {
    "not_following": Words("未关注", "follows none of our accounts"),
    "no_template": Words("关注的账号不在本次群发中", "follows only accounts without a part in this broadcast"),
    "blocked": Words("近 30 天屏蔽过消息", "blocked our messages in the last 30 days"),
    "control": Words("对照组", "control group"),
    "erased": Words("已取消关注, 资料已删除", "left; data erased"),
    "joined": Words("与另一顾客合并, 已由那一条发送", "is the same person as another recipient"),
    "cancelled": Words("群发已取消", "the broadcast was cancelled"),
}

ERRORS = {
    "recipient": Words("微信拒绝此接收者", "WeChat refuses this recipient"),
    "payload": Words("微信拒绝此内容", "WeChat refuses this content"),
    "throttled": Words("超过频率, 稍后再发", "too fast or too many, will be sent later"),
    "transient": Words("微信系统繁忙", "WeChat is busy"),
    "unanswered": Words("微信没有应答", "WeChat did not answer"),
    "unreached": Words("连不上微信", "WeChat cannot be reached"),
    "account": Words("微信停用了此账号的接口", "WeChat refuses this account"),
    "lease": Words("发送进程中断, 不知是否发出", "the sending process died; nobody knows whether it was sent"),
    "receipt": Words("回执: 送达失败", "the receipt says delivery failed"),
    "receipt_block": Words("回执: 用户屏蔽", "the receipt says the person blocks the account"),
}

PARKED = {
    "daily_quota": Words("今日额度用完, 午夜后继续", "today's quota is used up; goes on after midnight"),
    "minute_quota": Words("本分钟额度用完", "this minute's quota is used up"),
    "account_refused": Words("微信停用了此账号的接口", "WeChat refuses this account"),
    "unreached": Words("连不上微信", "WeChat cannot be reached"),
}

PAUSED = {
    "person": Words("由人暂停", "paused by a person"),
    "bad_payload": Words("内容被微信拒绝, 已自动暂停", "WeChat refuses the content; paused by itself"),
}


def words_for(table: dict[str, Words], name: str | None) -> Words | None:
    """The words for a name, the name itself when it has none, None for None."""
    if name is None:
        return None
    return table.get(name, Words(name, name))
