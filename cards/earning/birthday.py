"""Points on the birthday, once a year: 生日礼."""

from collections.abc import Collection

from cards.occasion import Amount, Occasion, Params, Prize


class BirthdayParams(Params):
    points: Amount


class Birthday:
    name = "birthday"
    title = "生日礼 · points on the birthday"
    params = BirthdayParams
    once = "year"

    def listens(self, params: BirthdayParams) -> Collection[str]:
        del params
        return ("member.birthday",)

    def award(self, params: BirthdayParams, occasion: Occasion) -> list[Prize]:
        del occasion
        return [Prize(params.points)]

    def describe(self, params: BirthdayParams) -> tuple[str, str]:
        return f"生日当天赠送 {params.points} 积分，每年一次", f"{params.points} points on your birthday, once a year"


plugin = Birthday()
