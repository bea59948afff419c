"""Points for a form filled in: 填写资料或问卷."""

from collections.abc import Collection

from pydantic import Field

from cards.occasion import Amount, Occasion, Params, Prize, Word

PROFILE = "profile"
"""A member's own profile: name, birthday and phone."""


class FormParams(Params):
    points: Amount
    forms: list[Word] = Field(default_factory=list, max_length=50)
    """Names of forms, `profile` for a full profile; none means every form."""


class FormCompleted:
    name = "form_completed"
    title = "填写表单 · points for a form filled in"
    params = FormParams
    once = ""

    def listens(self, params: FormParams) -> Collection[str]:
        del params
        return ("form.completed",)

    def award(self, params: FormParams, occasion: Occasion) -> list[Prize]:
        fits = not params.forms or occasion.data.get("form") in params.forms
        return [Prize(params.points)] if fits else []

    def describe(self, params: FormParams) -> tuple[str, str]:
        zh, en = _names(params.forms) or ("任一表单", "any form")
        return f"填写{zh}得 {params.points} 积分", f"{params.points} points for filling in {en}"


def _names(forms: list[str]) -> tuple[str, str] | None:
    """How members read them; the profile is ours and has its own words."""
    if not forms:
        return None
    zh = ["会员资料" if form == PROFILE else form for form in forms]
    en = ["your profile" if form == PROFILE else form for form in forms]
    return "、".join(zh), ", ".join(en)


plugin = FormCompleted()
