"""A wrong house on purpose: a fact or an order dropped from the database, a message sent or points posted twice. The comparison must turn red."""

import json
from pathlib import Path
from random import Random
from typing import Any

from demo.control import Control
from demo.found import OWN, connect
from demo.truth import read_truth

KINDS = ("drop-fact", "double-send", "drop-order", "double-points")


def drop_fact(database_url: str, *, seed: int) -> str:
    """Delete one fact that the log knows of; returns its kind."""
    with connect(database_url) as connection, connection.transaction():
        rows = connection.execute("SELECT key, kind FROM fact WHERE kind <> ALL(%s) ORDER BY key", [list(OWN)]).fetchall()
        chosen = Random(seed).choice(rows)  # noqa: S311 - a seeded mutation can be looked into again.
        connection.execute("DELETE FROM reaction WHERE fact_key = %s", [chosen.key])
        connection.execute("DELETE FROM fact WHERE key = %s", [chosen.key])
    return str(chosen.kind)


def double_send(control: Control, log: Path, secrets: dict[str, dict[str, str]], *, seed: int) -> str:
    """Send one of the template messages a second time, as a careless sender would; returns the AppID."""
    messages = sorted(read_truth(log).messages, key=lambda each: each.msgid)
    chosen = Random(seed).choice(messages)  # noqa: S311
    grant = {"grant_type": "client_credential", "appid": chosen.appid, "secret": secrets[chosen.appid]["secret"]}
    token = control.call("/cgi-bin/stable_token", grant)["access_token"]
    sent = _message(log, chosen.msgid)
    body = {"touser": chosen.openid, "template_id": chosen.template_id, "data": sent}
    answer = control.call(f"/cgi-bin/message/template/send?access_token={token}", body)
    if answer.get("errcode"):
        message = f"the second send was refused: {answer}"
        raise RuntimeError(message)
    return chosen.appid


def _message(log: Path, msgid: str) -> Any:
    """What was sent, in the form in which it is sent."""
    with log.open("rb") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["type"] == "message" and str(entry.get("msgid")) == msgid:
                return {name: value if isinstance(value, dict) else {"value": value} for name, value in entry["data"].items()}
    message = f"no message {msgid} in the log"
    raise LookupError(message)
