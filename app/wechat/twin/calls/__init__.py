"""The twin's calls by area; importing an area enters its calls in the table."""

from app.wechat.twin.calls import codes, mass, media, menus, messages, mini, tags, users

AREAS = (codes, mass, media, menus, messages, mini, tags, users)
