"""What a starter set is: groups of tags with Chinese names and English beside, ready to be added to a dictionary."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StarterTag:
    name: str
    english: str


@dataclass(frozen=True, slots=True)
class StarterGroup:
    """In an exclusive group a customer has one tag at most; the tags of a sensitive one are marked as such."""

    name: str
    english: str
    tags: tuple[StarterTag, ...]
    exclusive: bool = False
    sensitive: bool = False
    colour: str = "#8c8c8c"


@dataclass(frozen=True, slots=True)
class StarterSet:
    """One file of `tagging/starter_sets`. What is a number (age, size, price) comes in bands of an exclusive group."""

    name: str
    title: str
    groups: tuple[StarterGroup, ...]

    @property
    def size(self) -> int:
        """How many tags it holds."""
        return sum(len(group.tags) for group in self.groups)


def group(name: str, *tags: str, exclusive: bool = False, sensitive: bool = False, colour: str = "#8c8c8c") -> StarterGroup:
    """A group out of words written `中文 · English`, its own first."""
    own, *others = (StarterTag(*each.split(" · ", 1)) for each in (name, *tags))
    return StarterGroup(own.name, own.english, tuple(others), exclusive=exclusive, sensitive=sensitive, colour=colour)
