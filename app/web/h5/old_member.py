"""What the card page says of an old member whom the group's CRM was asked for."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.web.h5.badges import Badge
from app.web.h5.shown import points
from app.web.h5.words import Words
from cards.crm.questions import question_of
from cards.models.crm import QuestionState
from cards.models.membership import MemberCard

NEWS = timedelta(days=7)
_ASKING = ("正在查询您的老会员积分，稍后刷新即可看到", "Looking for what you had as an old member: look again in a moment")
_LATER = ("老会员积分还在查询，查到后自动到账", "Still looking for what you had as an old member: it will come by itself")
_COUNTER = (
    "查到您的老会员资料：到店报手机号，店员核对后即可领回",
    "You are an old member: say your number in a store, and what you had is yours again",
)
_BROUGHT = ("老会员积分 {n} 已到账", "{n} points of your old membership are here")
_WELCOME = ("欢迎回来，老会员资料已带入", "Welcome back: your old membership is here")


def old_member_badges(session: Session, card: MemberCard, *, connected: bool, words: Words, now: datetime) -> list[Badge]:
    """One line while he is looked for (as long as a CRM is `connected`), while a store has to see him, and for a week after what he had has come."""
    question = question_of(session, card)
    if question is None:
        return []
    if question.state == QuestionState.WAITING and connected:
        return [Badge("list", words.pick(_ASKING if question.reason is None else _LATER), "", glad=False)]
    if question.state == QuestionState.UNPROVED:
        return [Badge("store", words.pick(_COUNTER), "", glad=False)]
    if question.state == QuestionState.BROUGHT and question.settled_at is not None and now < question.settled_at + NEWS:
        text = words.pick(_BROUGHT).format(n=points(question.points)) if question.points else words.pick(_WELCOME)
        return [Badge("gift", text, "/me/points", glad=True)]
    return []
