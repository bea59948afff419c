"""The reply rules as a web process holds them: read once per change, looked up in memory."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from sqlalchemy import Engine, select

from app.core.errors import FankaError
from app.core.facts import FactDraft
from app.core.ids import new_public_id
from app.core.log import get_logger
from app.core.shelf import Shelf
from app.core.unit import reading
from handlers.matching import compile_regex, plain
from handlers.models import Match, Records, ReplyRule, Trigger
from handlers.replies import Reply, parse_reply

if TYPE_CHECKING:
    from redis import Redis

    from app.core.house import House

log = get_logger(__name__)
# A version key that was lost with its Redis cannot hide a change for longer than this.
_TRUST_VERSION_S = 60
JOIN_ACCOUNTS = "join_accounts"


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule ready to be applied: its reply checked and rendered, its expression compiled."""

    public_id: str
    name: str
    trigger: Trigger
    pattern: str
    account_id: int | None
    rank: tuple[int, bool, int]
    reply: Reply | None
    records: Records | None
    consent_version: str | None
    met: Callable[[str, str], bool]
    """Whether it is met by a text, given as written and as `plain` makes it."""
    exact: str | None = None
    """The plain text that meets it, when only one does."""

    def consent(self, via: str) -> tuple[FactDraft, ...]:
        """The consent this rule puts on record, if it does."""
        if self.records is None:
            return ()
        return (FactDraft(self.records, {"purpose": JOIN_ACCOUNTS, "version": self.consent_version, "via": via}),)


@dataclass(frozen=True, slots=True)
class AccountRules:
    """The rules of one account, its own and those of all accounts, by trigger and in order of rank."""

    exact: dict[Trigger, dict[str, RuleView]] = field(default_factory=dict)
    others: dict[Trigger, list[RuleView]] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[RuleView]) -> "AccountRules":
        held = cls()
        for rule in sorted(rules, key=lambda each: each.rank):
            if rule.exact is not None:
                held.exact.setdefault(rule.trigger, {}).setdefault(rule.exact, rule)
            else:
                held.others.setdefault(rule.trigger, []).append(rule)
        return held

    def find(self, trigger: Trigger, text: str = "") -> RuleView | None:
        """The rule of the best rank that `text` meets."""
        exact, others = self.exact.get(trigger), self.others.get(trigger)
        if exact is None and others is None:
            return None
        simple = plain(text)
        best = exact.get(simple) if exact else None
        for rule in others or ():
            if best is not None and best.rank < rule.rank:
                break
            if rule.met(text, simple):
                return rule
        return best


class _Rules:
    """What was read at one version, folded per account on demand."""

    def __init__(self, version: str, rules: list[RuleView], read_at: float) -> None:
        self.version = version
        self.read_at = read_at
        self._rules = rules
        self._accounts: dict[int, AccountRules] = {}

    def of(self, account_id: int) -> AccountRules:
        held = self._accounts.get(account_id)
        if held is None:
            mine = [rule for rule in self._rules if rule.account_id is None or rule.account_id == account_id]
            held = self._accounts[account_id] = AccountRules.of(mine)
        return held


class RuleBook:
    """The rules of a house, per process. A version key in Redis is looked at no more than once a second; with Redis away the known rules stand."""

    def __init__(self, engine: Engine, redis: "Redis", prefix: str, *, clock: Callable[[], float] | None = None) -> None:
        self._engine = engine
        self._redis = redis
        self._key = version_key(prefix)
        self._shelf: Shelf[_Rules] = Shelf("rules", self._read) if clock is None else Shelf("rules", self._read, monotonic=clock)
        self._now = self._shelf.monotonic

    def of(self, account_id: int) -> AccountRules:
        """The rules of an account. Raises UnavailableError when none could be read yet."""
        return self._shelf.take().of(account_id)

    def forget(self) -> None:
        """Look at the version again with the next request."""
        self._shelf.forget()

    def _read(self, known: _Rules | None) -> _Rules:
        version = self._version()
        now = self._now()
        if known is not None and now - known.read_at < _TRUST_VERSION_S and version in (None, known.version):
            return known
        # The version was read before the rows: a change in between is found by the next look.
        with reading(self._engine, timeout_ms=2000) as session:
            rows = session.scalars(select(ReplyRule).where(ReplyRule.enabled).order_by(ReplyRule.id)).all()
        views = [view for view in map(_view_or_none, rows) if view is not None]
        log.info("rules_read", rules=len(views))
        return _Rules(version or "", views, now)

    def _version(self) -> str | None:
        try:
            answer: Any = self._redis.get(self._key)
        except RedisError:
            return None
        return "" if answer is None else str(answer)


def version_key(prefix: str) -> str:
    return f"{prefix}:rules:version"


def rule_book(house: "House") -> RuleBook:
    return RuleBook(house.engine, house.redis, house.settings.redis_prefix)


def bump(redis: "Redis", prefix: str) -> None:
    """Tell every process that the rules changed. A fresh word, not a counter: a counter that starts again could name an old state."""
    redis.set(version_key(prefix), str(new_public_id()))


def view_of(row: ReplyRule) -> RuleView:
    """A row made ready. Raises BadRequestError when it holds what no longer checks."""
    match, simple = Match(row.match), plain(row.pattern)
    exact = None
    if not row.pattern:
        met = _anything
    elif match is Match.EXACT:
        exact, met = simple, partial(_equals, simple)
    elif match is Match.CONTAINS:
        met = partial(_contains, simple)
    else:
        met = partial(_searches, compile_regex(row.pattern))
    return RuleView(
        public_id=str(row.public_id),
        name=row.name,
        trigger=Trigger(row.trigger),
        pattern=row.pattern,
        account_id=row.account_id,
        rank=(row.priority, row.account_id is None, row.id),
        reply=None if row.reply is None else parse_reply(row.reply),
        records=None if row.records is None else Records(row.records),
        consent_version=row.consent_version,
        met=met,
        exact=exact,
    )


def _view_or_none(row: ReplyRule) -> RuleView | None:
    try:
        return view_of(row)
    except FankaError as error:
        # One bad row must not silence all the others.
        log.warning("rule_unusable", rule=str(row.public_id), error_code=error.code)
        return None


def _anything(text: str, simple: str) -> bool:
    del text, simple
    return True


def _equals(wanted: str, text: str, simple: str) -> bool:
    del text
    return simple == wanted


def _contains(wanted: str, text: str, simple: str) -> bool:
    del text
    return wanted in simple


def _searches(expression: Any, text: str, simple: str) -> bool:
    del text
    return expression.search(simple) is not None
