"""The back of a mini program: who logged in, and his card. JSON in, JSON out, under `/mini`."""

from app.web.miniapi.app import mount_mini

__all__ = ["mount_mini"]
