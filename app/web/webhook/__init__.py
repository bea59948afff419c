"""The door WeChat knocks at: one address per account, an echo for its check and five seconds for everything else."""

from app.web.webhook.door import make_webhook

__all__ = ["make_webhook"]
