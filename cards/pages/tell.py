"""A page as the API and a terminal tell it."""

from typing import Any

from sqlalchemy.orm import Session

from app.core.house import House
from cards.models.pages import ClaimPage, PageVersion
from cards.pages.build import count_taken, version_of
from cards.pages.visit import preview_query


def tell_page(session: Session, house: House, page: ClaimPage) -> dict[str, Any]:
    """A page with its draft and what is live, as JSON carries it; moments are UTC."""
    url = f"{house.settings.public_url}/p/{page.slug}"
    draft = version_of(session, page, page.last_number)
    live = None if page.live_number is None else version_of(session, page, page.live_number)
    return {
        "slug": page.slug,
        "state": str(page.state),
        "url": url,
        "preview_url": f"{url}?{preview_query(house.ring, page, page.last_number, now=house.clock.now())}",
        "taken": count_taken(session, page),
        "draft": _tell(draft),
        "live": None if live is None else _tell(live),
    }


def _tell(version: PageVersion) -> dict[str, Any]:
    moments = {name: getattr(version, name) for name in ("from_at", "until_at", "created_at")}
    written = {name: None if at is None else at.isoformat().replace("+00:00", "Z") for name, at in moments.items()}
    return {"number": version.number, "title": version.title, "blocks": version.blocks, "actor": version.actor, **written}
