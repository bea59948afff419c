"""The usual webhook: Flask, wechatpy and one RQ job a message, served by gunicorn with threads.

It checks the signature, decrypts, enqueues the message for a worker and answers a menu click, encrypted. Redis connections are pooled and kept.
"""

import os
from typing import Any

from flask import Flask, abort, request
from redis import Redis
from rq import Queue
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.replies import TextReply
from wechatpy.utils import check_signature

TOKEN, AES_KEY, APPID = (os.environ[name] for name in ("BENCH_TOKEN", "BENCH_AES_KEY", "BENCH_APPID"))
ANSWERS = {"menu_sale": "本周会员日：全场八八折。"}

app = Flask("baseline")
crypto = WeChatCrypto(TOKEN, AES_KEY, APPID)
queue = Queue("messages", connection=Redis.from_url(os.environ["REDIS_URL"]))


def store_message(fields: dict[str, Any]) -> None:
    """What a worker would do with a message; in this bench nobody works the queue, as nobody drains our inbox."""
    raise RuntimeError(f"nobody works this queue: {len(fields)} fields")


@app.post("/wechat/<appid>")
def receive(appid: str) -> Any:
    signature, timestamp, nonce = (request.args.get(name, "") for name in ("signature", "timestamp", "nonce"))
    if appid != APPID:
        abort(404)
    try:
        check_signature(TOKEN, signature, timestamp, nonce)
        xml = crypto.decrypt_message(request.data, request.args.get("msg_signature", ""), timestamp, nonce)
    except (InvalidSignatureException, InvalidAppIdException):
        abort(403)
    message = parse_message(xml)
    queue.enqueue(store_message, dict(message._data), result_ttl=0)
    answer = ANSWERS.get(getattr(message, "key", ""))
    if answer is None:
        return ""
    return crypto.encrypt_message(TextReply(content=answer, message=message).render(), nonce, timestamp)
