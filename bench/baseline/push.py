"""The usual push: one RQ job a recipient, which calls wechatpy and records the msgid through the ORM.

The client, its token and its connection are kept for the life of the worker, and so is the engine's pool.
"""

import os
import sys
from functools import cache
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session
from wechatpy import WeChatClient
from wechatpy.session.redisstorage import RedisStorage

from app.core.db import engine_options
from app.core.settings import read_settings
from app.factory import import_models
from jobs.models import BroadcastAccount, Delivery


@cache
def engine() -> Engine:
    import_models()
    return create_engine(read_settings().database_url, **engine_options(pool_size=1))


class LoopbackClient(WeChatClient):
    """wechatpy's client, whose address of the platform is written in two places."""

    API_BASE_URL = os.environ.get("FANKA_WECHAT_API_URL", "") + "/cgi-bin/"

    def fetch_access_token(self) -> Any:
        params = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret}
        return self._fetch_access_token(url=f"{self.API_BASE_URL}token", params=params)


@cache
def client() -> WeChatClient:
    storage = RedisStorage(Redis.from_url(os.environ["REDIS_URL"]))
    made = LoopbackClient(os.environ["BENCH_APPID"], os.environ["BENCH_SECRET"], session=storage)
    made._http.trust_env = False
    return made


def send_one(delivery_id: int) -> None:
    """The job: one message to one person."""
    with Session(engine()) as session:
        delivery = session.get_one(Delivery, delivery_id)
        part = session.get_one(BroadcastAccount, (delivery.broadcast_id, delivery.account_id))
        message: dict[str, Any] = part.message
        answer = client().message.send_template(delivery.openid, message["template_id"], message["data"])
        delivery.state, delivery.msgid = "sent", str(answer["msgid"])
        session.commit()


def enqueue(queue: Queue, ids: list[int]) -> None:
    """One job for each delivery, in as few round trips as RQ can."""
    queue.enqueue_many([Queue.prepare_data(send_one, (delivery_id,), result_ttl=0) for delivery_id in ids])


def main() -> int:
    """Work the queue until told to stop."""
    connection = Redis.from_url(os.environ["REDIS_URL"])
    SimpleWorker([Queue("push", connection=connection)], connection=connection, log_job_description=False).work(logging_level="WARNING")
    return 0


if __name__ == "__main__":
    sys.exit(main())
