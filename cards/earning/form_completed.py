"""Points for a form filled in: 填写资料或问卷."""

from collections.abc import Collection

from pydantic import Field

from cards.occasion import Amount, Occasion, Params, Prize, Word


class FormParams(Params):
    points: Amount
    forms: list[Word] = Field(default_factory=list, max_length=50)
    """Names of forms; none means every form."""


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
        which = "、".join(params.forms)
        return f"填写{which or '任一表单'}得 {params.points} 积分", f"{params.points} points for filling in {which or 'any form'}"


plugin = FormCompleted()
