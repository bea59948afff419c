"""Expecting a refusal by its class and code."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.wechat.errors import WeChatError


@contextmanager
def refused(kind: type[WeChatError], code: int) -> Iterator[pytest.ExceptionInfo[WeChatError]]:
    """The block raises exactly this class with this code."""
    with pytest.raises(WeChatError) as caught:
        yield caught
    assert (type(caught.value), caught.value.code) == (kind, code), caught.value.message
