"""How far the import of an account's followers has come."""

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Moment


class FollowerImport(Base):
    """One import of one account: the cursor is stored with the page it belongs to, so a killed import asks for nothing twice."""

    __tablename__ = "follower_import"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True, autoincrement=False)
    next_openid: Mapped[str] = mapped_column(String(64), default="")
    total: Mapped[int] = mapped_column(Integer, default=0)
    listed: Mapped[int] = mapped_column(Integer, default=0)
    """Openids received so far."""
    read: Mapped[int] = mapped_column(Integer, default=0)
    """Followers whose `user/info` has been read so far."""
    started_at: Mapped[datetime] = mapped_column(Moment)
    listed_at: Mapped[datetime | None] = mapped_column(Moment)
    """When the last page of openids was stored."""
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
