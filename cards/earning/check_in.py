"""Points for checking in, more for days in a row: 签到."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field, StrictInt, model_validator

from cards.occasion import Amount, Occasion, Params, Prize


class Streak(Params):
    """`extra` points on the day that makes `days` in a row."""

    days: Annotated[StrictInt, Field(ge=2, le=366)]
    extra: Amount


class CheckInParams(Params):
    points: Amount
    streaks: list[Streak] = Field(default_factory=list, max_length=20)
    repeat: bool = False
    """Whether the streaks begin anew after the longest one is reached."""

    @model_validator(mode="after")
    def _days_differ(self) -> "CheckInParams":
        days = [each.days for each in self.streaks]
        if len(set(days)) != len(days):
            raise ValueError("two streaks have the same number of days")
        return self


class CheckIn:
    name = "check_in"
    title = "签到 · points for checking in"
    params = CheckInParams
    once = "day"

    def listens(self, params: CheckInParams) -> Collection[str]:
        del params
        return ("member.checked_in",)

    def award(self, params: CheckInParams, occasion: Occasion) -> list[Prize]:
        streak = occasion.streak
        if streak < 1:
            return []
        longest = max((each.days for each in params.streaks), default=0)
        if params.repeat and longest:
            streak = (streak - 1) % longest + 1
        return [Prize(params.points + sum(each.extra for each in params.streaks if each.days == streak))]

    def describe(self, params: CheckInParams) -> tuple[str, str]:
        ordered = sorted(params.streaks, key=lambda each: each.days)
        zh = [f"每日签到得 {params.points} 积分", *(f"连续 {each.days} 天另加 {each.extra}" for each in ordered)]
        en = [f"{params.points} points for each day's check-in", *(f"{each.extra} more on day {each.days} in a row" for each in ordered)]
        return "；".join(zh), "; ".join(en)


plugin = CheckIn()
