"""Template messages: service news to followers of a verified service account, never promotion."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.errors import BadRequestError
from app.core.nouns import AccountKind
from jobs.broadcasts.carrier import Mapped, TemplateLike
from jobs.broadcasts.values import REMOVED, fault_in
from jobs.models import Purpose

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\.DATA\s*\}\}")
MAX_NAMED = 5


class TemplateCarrier:
    name = "template"
    purposes = frozenset({Purpose.SERVICE})
    kinds = frozenset({AccountKind.SERVICE})
    path = "/cgi-bin/message/template/send"

    def refusal(self, purpose: Purpose) -> str:
        return (
            f"模板消息只能发服务通知, 不支持营销 ({purpose}), 违规会被封接口; 请改用群发 / template messages carry service news only: WeChat "
            "forbids advertising, coupons and promotion in them and blocks the interface of accounts that do it; use a mass message instead"
        )

    def message(self, content: Mapping[str, str], part: Mapped, templates: Sequence[TemplateLike]) -> dict[str, Any]:
        template = next((each for each in templates if each.template_id == part.template_id), None)
        if template is None:
            raise BadRequestError(f"账号没有模板 {part.template_id} / the account has no template {part.template_id}", code="no_template")
        wanted = fields_of(template.content)
        faults = [*_mapping_faults(wanted, part.fields, content), *_value_faults(wanted, part.fields, content)]
        if faults:
            raise BadRequestError(
                f"模板 {template.title}: {'; '.join(faults[:MAX_NAMED])}{' ...' if len(faults) > MAX_NAMED else ''}", code="bad_content"
            )
        data = {field: {"value": content[part.fields[field]]} for field in wanted if field in part.fields}
        return {"template_id": part.template_id, "data": data, **part.link}

    def address(self, message: Mapping[str, Any], *, openid: str, client_id: str) -> dict[str, Any]:
        return {"touser": openid, "client_msg_id": client_id, **message}

    def msgid(self, answer: Mapping[str, Any]) -> str | None:
        found = answer.get("msgid")
        return str(found)[:64] if isinstance(found, (int, str)) and found != "" else None


def fields_of(content: str) -> tuple[str, ...]:
    """The fields of a template's content, in order, each once: `{{thing1.DATA}}` is `thing1`."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(content)))


def _mapping_faults(wanted: Sequence[str], fields: Mapping[str, str], content: Mapping[str, str]) -> list[str]:
    faults = [f"{field}: 模板没有这个字段 / the template has no such field" for field in fields if field not in wanted]
    for field in wanted:
        if field in REMOVED:
            if field in fields:
                faults.append(f"{field}: 平台自 2023-05-04 起会删掉它 / WeChat removes it since 2023-05-04; map nothing to it")
        elif field not in fields:
            faults.append(f"{field}: 没有对应内容 / nothing is mapped to it")
        elif fields[field] not in content:
            faults.append(f"{field}: 内容里没有 {fields[field]} / the content has no field {fields[field]}")
    return faults


def _value_faults(wanted: Sequence[str], fields: Mapping[str, str], content: Mapping[str, str]) -> list[str]:
    held = [(field, content[fields[field]]) for field in wanted if field not in REMOVED and fields.get(field) in content]
    return [fault for field, value in held if (fault := fault_in(field, value)) is not None]


plugin = TemplateCarrier()
