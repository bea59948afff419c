"""The channel book: changes show without restart, and known channels are served while Redis or PostgreSQL is away."""

import pytest
from sqlalchemy import create_engine

from app.core.kv import open_redis
from app.core.unit import work
from app.wechat.twin.platform import Twin
from tagging.channel_book import ChannelBook, version_key
from tagging.channels import access_channel, change_channel, create_channel, draft_channel, retire_channel
from tagging.models import Channel
from tests.tagging.steps import channel


class Time:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def account(house, make_account):
    account = make_account()
    twin = Twin(house.clock)
    twin.add_account(account)
    with twin.installed():
        yield account


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def book(house, time):
    return ChannelBook(house.engine, house.redis, house.settings.redis_prefix, monotonic=time)


def test_a_new_welcome_is_served_a_second_later(house, account, book, time):
    made = create_channel(house, account, draft_channel({"name": "gate", "welcome": {"type": "text", "text": "早"}}))
    view = book.find(account.id, made.scene)
    assert (view.id, view.name, view.welcome) == (made.id, "gate", {"type": "text", "text": "早"})
    assert book.find(account.id, "strange") is None
    with work(house.engine) as session:
        row = access_channel(session, made.public_id)
        change_channel(session, row, house=house, actor="Mei", welcome={"type": "text", "text": "晚"}, tags=[])
    assert book.find(account.id, made.scene).welcome["text"] == "早"
    time.now += 1
    assert book.find(account.id, made.scene).welcome["text"] == "晚"


def test_a_retired_channel_welcomes_nobody(house, account, book, time):
    made = create_channel(house, account, draft_channel({"name": "gate"}))
    assert book.find(account.id, made.scene) is not None
    with work(house.engine) as session:
        retire_channel(session, session.get_one(Channel, made.id), house=house, actor="Mei")
    time.now += 1
    assert book.find(account.id, made.scene) is None


def test_one_account_does_not_see_the_others(house, account, make_account, book):
    channel(house, account, "s1")
    assert book.find(make_account().id, "s1") is None


def test_an_unchanged_version_costs_no_query(house, account, book, time):
    channel(house, account, "s1")
    assert book.find(account.id, "s1") is not None
    channel(house, account, "s2")
    time.now += 1
    assert book.find(account.id, "s2") is None
    time.now += 60
    assert book.find(account.id, "s2") is not None


def test_with_redis_away_known_channels_stand_and_changes_come_within_a_minute(house, account, time):
    channel(house, account, "s1")
    away = open_redis("redis://127.0.0.1:9/0", timeout_s=0.2)
    book = ChannelBook(house.engine, away, house.settings.redis_prefix, monotonic=time)
    assert book.find(account.id, "s1") is not None
    channel(house, account, "s2")
    time.now += 2
    assert book.find(account.id, "s1") is not None
    time.now += 60
    assert book.find(account.id, "s2") is not None
    away.close()


def test_with_postgres_away_known_channels_are_served_on(house, account, book, time):
    channel(house, account, "s1")
    assert book.find(account.id, "s1") is not None
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none", connect_args={"connect_timeout": 1})
    book._engine = nowhere
    house.redis.set(version_key(house.settings.redis_prefix), "another")
    time.now += 120
    assert book.find(account.id, "s1") is not None
    empty = ChannelBook(nowhere, house.redis, house.settings.redis_prefix, monotonic=time)
    assert empty.find(account.id, "s1") is None
    nowhere.dispose()
