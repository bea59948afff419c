"""`fanka lifecycle`: the stages from prospect to lost, what each demands, and the review of the night."""

from datetime import datetime

import click
import orjson
from sqlalchemy import func, select

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.errors import BadRequestError
from app.core.unit import reading, work
from cards.festivals import set_festival
from cards.lifecycle import drop_stage, review_lifecycles, set_stage, stages_of, start_stages
from cards.models.lifecycle import CustomerLifecycle
from cards.programmes import programme_called

ACTOR = "cli"
_PROGRAMME = click.option("--programme", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")


@click.group()
def lifecycle() -> None:
    """生命周期 · Stages of a customer's life, and the days on which members are greeted."""


@command(lifecycle, "start")
@_PROGRAMME
def start(voice: Voice, *, programme: str | None) -> None:
    """写入一套现成的阶段 · Write a ready set of stages, from prospect to lost; each can be edited."""
    with opened() as house, work(house.engine) as session:
        written = start_stages(session, programme_id=programme_called(session, programme).id, actor=ACTOR, now=house.clock.now())
    voice.line(f"已写入 {written} 个阶段", f"{written} stages written")
    voice.answer({"written": written})


@command(lifecycle, "set")
@click.argument("name")
@click.option("--rank", type=click.IntRange(0, 99), required=True, help="次序, 先试小的 · its rank: the lower is tried first.")
@click.option("--when", default="{}", show_default=True, help='条件 JSON · conditions, as {"card": true, "not_bought_for_days": 90}.')
@click.option("--english", default="", help="英文名 · its English name.")
@_PROGRAMME
def set_(voice: Voice, *, name: str, rank: int, when: str, english: str, programme: str | None) -> None:
    """写入或修改一个阶段 · Write a stage or change it."""
    try:
        conditions = orjson.loads(when)
    except orjson.JSONDecodeError:
        conditions = None
    if not isinstance(conditions, dict):
        raise BadRequestError("--when 须为 JSON 对象 / --when is a JSON object", code="bad_conditions")
    with opened() as house, work(house.engine) as session:
        found = programme_called(session, programme)
        now = house.clock.now()
        made = set_stage(session, programme_id=found.id, name=name, rank=rank, conditions=conditions, name_en=english, actor=ACTOR, now=now)
        voice.line(f"阶段 {made.name}: {made.conditions}", f"the stage {made.name}: {made.conditions}")
        voice.answer({"id": str(made.public_id), "name": made.name, "rank": made.rank, "conditions": made.conditions})


@command(lifecycle, "drop")
@click.argument("name")
@_PROGRAMME
def drop(voice: Voice, *, name: str, programme: str | None) -> None:
    """删除一个阶段 · Remove a stage."""
    with opened() as house, work(house.engine) as session:
        drop_stage(session, programme_id=programme_called(session, programme).id, name=name, actor=ACTOR, now=house.clock.now())
    voice.line(f"已删除 {name}", f"removed {name}")
    voice.answer({"dropped": name})


@command(lifecycle, "list")
@_PROGRAMME
def list_(voice: Voice, *, programme: str | None) -> None:
    """列出阶段及人数 · List the stages with their people."""
    with opened() as house, reading(house.replica) as session:
        found = programme_called(session, programme)
        query = select(CustomerLifecycle.stage_id, func.count()).where(CustomerLifecycle.programme_id == found.id)
        people = {row[0]: row[1] for row in session.execute(query.group_by(CustomerLifecycle.stage_id))}
        stages = [
            {
                "name": each.name,
                "english": each.name_en,
                "rank": each.rank,
                "conditions": each.conditions,
                "customers": people.get(each.id, 0),
            }
            for each in stages_of(session, found.id)
        ]
    voice.table(
        [("次序", "rank"), ("阶段", "stage"), ("人数", "customers"), ("条件", "conditions")],
        [(each["rank"], each["name"], each["customers"], orjson.dumps(each["conditions"]).decode()) for each in stages],
        empty=("还没有阶段; fanka lifecycle start 写入一套", "no stages yet; `fanka lifecycle start` writes a set"),
    )
    voice.answer({"stages": stages})


@command(lifecycle, "review")
def review(voice: Voice) -> None:
    """重算阶段 · Find everybody's stage, as the night does; it may run twice."""
    with opened() as house:
        moved = review_lifecycles(house, tell=lambda done: voice.progress(f"已变更 {done:,}", f"{done:,} moved"))
    voice.line(f"{moved:,} 位顾客换了阶段", f"{moved:,} customers moved")
    voice.answer({"moved": moved})


@command(lifecycle, "festival")
@click.argument("day", type=click.DateTime(["%Y-%m-%d"]))
@click.argument("words", required=False, default="")
@click.option("--english", default="", help="英文祝福 · the words in English.")
@_PROGRAMME
def festival(voice: Voice, *, day: datetime, words: str, english: str, programme: str | None) -> None:
    """设定节日祝福, 不写祝福即取消 · Greet members on a day; without words it is taken back."""
    with opened() as house, work(house.engine) as session:
        found, chosen = programme_called(session, programme), day.date()
        set_festival(session, found, day=chosen, words=words, words_en=english, actor=ACTOR, now=house.clock.now())
    voice.line(f"{chosen}: {words or '-'}", f"{chosen}: {english or words or '-'}")
    voice.answer({"day": chosen.isoformat(), "words": words, "english": english})
