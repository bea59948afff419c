"""The named cast of every test: who they are is the same wherever they appear."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a test, with an openid shaped as WeChat shapes them."""

    name: str
    openid: str
    unionid: str
    phone: str


def _person(name: str, number: int) -> Person:
    return Person(name, f"o{name}".ljust(27, "x") + str(number), f"u{name}".ljust(27, "y") + str(number), f"1380000000{number}")


MEI = _person("Mei", 1)
"""The marketer."""
CHEN = _person("Chen", 2)
"""The clerk."""
LIN = _person("Lin", 3)
"""The follower and member."""
ZHAO = _person("Zhao", 4)
"""The stranger on another account."""
