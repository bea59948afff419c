"""What an answer makes of a row: sent, failed, back to pending or unknown; and what it means for the account."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.wechat.errors import AccountRefused, BadPayload, RecipientRefused, Throttled, WeChatError
from app.wechat.sender import Answer
from jobs.broadcasts.carrier import Carrier
from jobs.broadcasts.pacing import Pace
from jobs.models import DeliveryState

MINUTE_S = 60
ACCOUNT_REFUSED_S = 600
"""How long an account that WeChat refuses is left alone before one more chunk asks again."""
UNREACHED_S = 5


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one attempt, as it is recorded."""

    id: int
    attempt: int
    state: DeliveryState
    msgid: str | None = None
    code: int | None = None
    why: str | None = None
    rid: str | None = None


def result_of(answer: Answer, *, attempt: int, carrier: Carrier) -> Result:
    """Judge one answer. No answer, and `-1` (busy), do not say whether it was sent: both are unknown."""
    error = answer.error
    if error is None and answer.ok:
        return Result(answer.tag, attempt, DeliveryState.SENT, msgid=carrier.msgid(answer.body or {}))
    if error is None:
        return Result(answer.tag, attempt, DeliveryState.UNKNOWN, why="unanswered")
    # What no column could hold must not cost the rest of the chunk its outcome.
    code = error.code if 0 < abs(error.code) < 1 << 31 else None
    return Result(answer.tag, attempt, _state_after(error), code=code, why=error.reason, rid=error.rid[:64] or None)


def _state_after(error: WeChatError) -> DeliveryState:
    if not error.outcome_known:
        return DeliveryState.UNKNOWN
    if isinstance(error, RecipientRefused | BadPayload):
        return DeliveryState.FAILED
    # Throttled, refused as an account, never reached: nothing was sent, and it can be later.
    return DeliveryState.PENDING


def heed(answers: Sequence[Answer], *, account_id: int, pace: Pace) -> None:
    """Stop the account for as long as these answers ask for."""
    errors = [answer.error for answer in answers if answer.error is not None]
    for error in {(type(error), error.code): error for error in errors}.values():
        if isinstance(error, Throttled):
            if error.scope == "day":
                pace.park(account_id, why="daily_quota", code=error.code)
            else:
                pace.park(account_id, why="minute_quota", code=error.code, seconds=MINUTE_S if error.scope == "minute" else 1)
        elif isinstance(error, AccountRefused):
            pace.park(account_id, why="account_refused", code=error.code, seconds=ACCOUNT_REFUSED_S)
        elif _state_after(error) is DeliveryState.PENDING:
            pace.park(account_id, why="unreached", code=error.code, seconds=UNREACHED_S)
