"""The only file that knows every room: composes a house and the web application over it."""

import importlib
from functools import partial

from flask import Flask
from sqlalchemy import create_engine
from werkzeug.middleware.proxy_fix import ProxyFix

from app.core.accounts import AccountBook
from app.core.clock import Clock, WallClock
from app.core.db import connect, engine_options
from app.core.house import House
from app.core.inbox import Inbox
from app.core.kv import open_redis
from app.core.queue import Queues
from app.core.registry import Registry, discover
from app.core.secrets import read_ring
from app.core.settings import Settings
from app.web import problems
from app.web.assets import make_assets
from app.web.clerk import make_clerk
from app.web.h5 import make_h5
from app.web.health import make_health
from app.web.limits import Patience
from app.web.miniapi import mount_mini
from app.web.openapi import mount_api
from app.web.pay import make_pay
from app.web.webhook import make_webhook
from handlers.chain import build_chain
from tagging.condition_book import open_conditions

MODEL_MODULES = (
    "app.core.nouns",
    "app.core.inbound",
    "app.core.facts",
    "app.core.dead",
    "app.core.idempotency",
    "app.core.people",
    "app.core.clients",
    "handlers.models",
    "tagging.models",
    "jobs.models",
    "jobs.followers.models",
    "cards.models",
)
PROJECTION_FOLDERS = ("app.core.projections", "tagging.projections", "cards.projections", "jobs.projections")
REACTION_FOLDERS = ("jobs.reactions",)
CONDITION_FOLDERS = ("tagging.conditions", "jobs.conditions", "cards.conditions")


def import_models() -> None:
    """Import every room's tables, so that foreign keys by name and migrations see all of them."""
    for module in MODEL_MODULES:
        importlib.import_module(module)


def build_house(settings: Settings, *, clock: Clock | None = None, pool_size: int = 4, flask_app: Flask | None = None) -> House:
    """Open everything one process needs. Called after a fork, never before."""
    import_models()
    open_conditions(CONDITION_FOLDERS)
    engine = connect(flask_app or Flask("fanka"), settings, pool_size=pool_size)
    replica = engine
    if settings.replica_url is not None:
        replica = create_engine(settings.replica_url, **engine_options(pool_size=pool_size, statement_timeout_ms=30_000))
    ring = read_ring(settings)
    queues = Queues(open_redis(settings.queue_redis_url, text=False), settings.redis_prefix)
    registry = Registry.of(
        (plugin for folder in PROJECTION_FOLDERS for plugin in discover(folder)),
        (plugin for folder in REACTION_FOLDERS for plugin in discover(folder)),
    )
    registry.wake_reactions = partial(queues.wake, "urgent", "jobs.reactions_run.run_due")
    return House(
        settings=settings,
        engine=engine,
        replica=replica,
        redis=open_redis(settings.queue_redis_url),
        inbox=Inbox(open_redis(settings.redis_url, timeout_s=1.5, text=False), settings.redis_prefix, max_bytes=settings.inbox_max_bytes),
        queues=queues,
        ring=ring,
        clock=clock or WallClock(),
        registry=registry,
        accounts=AccountBook(engine, ring),
    )


def create_app(house: House) -> Flask:
    """The web application over a house; one per process, made after a fork."""
    flask_app = Flask("fanka", static_folder=None)
    problems.install(flask_app)
    flask_app.register_blueprint(make_health(house))
    flask_app.register_blueprint(make_assets())
    flask_app.register_blueprint(make_clerk(house))
    flask_app.register_blueprint(make_h5(house))
    flask_app.register_blueprint(make_pay(house))
    flask_app.register_blueprint(make_webhook(house, build_chain(house)))
    mount_api(flask_app, house)
    mount_mini(flask_app, house)
    # Half of the threads are always there for WeChat, whoever dawdles elsewhere.
    patient = Patience(flask_app.wsgi_app, most=house.settings.web_threads // 2, heard="/wechat/")
    # Without it everybody behind the proxy would be one address, and share that address's limits.
    proxies = house.settings.trusted_proxies
    flask_app.wsgi_app = ProxyFix(patient, x_for=proxies, x_proto=0, x_host=0) if proxies else patient  # type: ignore[method-assign]  # Flask's own way to wrap it.
    return flask_app
