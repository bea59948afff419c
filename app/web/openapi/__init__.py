"""The open API `/api/v1`: for tills, malls and whoever else the group gives a key."""

from app.web.openapi.app import make_api, mount_api

__all__ = ["make_api", "mount_api"]
