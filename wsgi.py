"""The web server's door: granian imports it once in every worker, after the fork, so each worker opens a house of its own."""

from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from app.core.house import settle_in
from app.core.log import open_log
from app.core.settings import read_settings
from app.factory import build_house, create_app

settings = read_settings()
open_log(settings.log_level)
# Every thread may hold a connection, and one more serves what is renewed in the background.
house = build_house(settings, pool_size=settings.web_threads + 1)
app = create_app(house)
with suppress(SQLAlchemyError):
    # The first connection is opened here and not at the cost of the first request; a database that is away keeps no worker from starting.
    house.accounts.all()
settle_in()
