"""Where WeChat Pay tells of payments: one address a merchant, no session, everything proved by the signature."""

from app.web.pay.door import make_pay

__all__ = ["make_pay"]
