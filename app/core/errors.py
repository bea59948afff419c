"""Errors that a person or a client may be shown: each has a stable code and a sentence."""


class FankaError(Exception):
    """A refusal with a stable machine `code`, an HTTP `status` and a sentence that says what to do.

    Web rooms turn it into an RFC 9457 problem document, the console into one line.
    """

    status = 500
    code = "internal"

    def __init__(self, detail: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.status = status or type(self).status


class BadRequestError(FankaError):
    """The request cannot be understood as it stands."""

    status = 400
    code = "bad_request"


class ForbiddenError(FankaError):
    """The request is understood and refused."""

    status = 403
    code = "forbidden"


class NotFoundError(FankaError):
    """The thing does not exist, or not for this person."""

    status = 404
    code = "not_found"


class ConflictError(FankaError):
    """The thing is in a state that does not allow this."""

    status = 409
    code = "conflict"


class UnavailableError(FankaError):
    """A part that this needs is down; trying again later is right."""

    status = 503
    code = "unavailable"


class SettingError(FankaError):
    """A setting is missing or wrong; the sentence names it."""

    status = 500
    code = "setting"
