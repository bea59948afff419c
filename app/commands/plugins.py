"""`fanka handlers` and `fanka rules`: what the house found in its plug-in folders."""

from typing import Any

from app.commands.frame import command
from app.commands.speech import Voice
from app.core.registry import discover
from handlers.listing import lines


@command(None, "handlers")
def handlers(voice: Voice) -> None:
    """消息处理器 · The handlers of the message chain, in the order they are asked."""
    found = lines(discover("handlers.on"))
    voice.table(
        [("顺序", "stage"), ("名称", "name"), ("听取", "hears"), ("关于", "about")],
        [(each.stage, each.name, " ".join(each.hears) or "*", each.about) for each in found],
        empty=("没有处理器", "there is no handler"),
    )
    voice.answer({"handlers": [{"name": each.name, "stage": each.stage, "hears": each.hears, "about": each.about} for each in found]})


@command(None, "rules")
def rules(voice: Voice) -> None:
    """标签规则的种类 · The kinds of tag rules, with the parameters of each."""
    found = discover("tagging.rules")
    documents = [{"kind": each.name, "title": each.title, "params": each.params.model_json_schema()} for each in found]
    voice.table(
        [("种类", "kind"), ("说明", "title"), ("参数", "parameters")],
        [(each.name, each.title, _parameters(document["params"])) for each, document in zip(found, documents, strict=True)],
        empty=("没有规则", "there is no rule"),
    )
    voice.answer({"rules": documents})


def _parameters(schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    return " ".join(name if name in needed else f"[{name}]" for name in schema.get("properties", {}))
