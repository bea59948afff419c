"""A reminder, a new tier or the question for consent goes out as a letter, to an address that agreed, under one Message-ID."""

from collections.abc import Collection, Sequence

from app.core.facts import Fact
from app.core.house import House
from app.core.unit import reading, work
from cards.contact import ASKED, consent_of, email_of, make_link, may_mail, refuse_address
from cards.membership import name_of_programme
from cards.phones import living_customer
from cards.reminders import REMINDED, TOPIC_OF, Channel, find_ways
from cards.tier_changes import DOWNGRADED, UPGRADED
from jobs.mail import Letter, MailRefusedError, send_letter


class SendMail:
    name = "send_mail"
    listens: Collection[str] = (REMINDED, UPGRADED, DOWNGRADED, ASKED)
    deadline_s: int | None = 24 * 3600
    repeatable = True
    """A repeat carries the same Message-ID."""
    batch = 1

    def wants(self, fact: Fact) -> bool:
        if fact.customer_id is None:
            return False
        if fact.kind == REMINDED:
            return Channel.EMAIL in fact.data.get("channels", ())
        return fact.kind == ASKED or fact.data.get("to") is not None

    def act(self, house: House, facts: Sequence[Fact]) -> None:
        for fact in facts:
            letter, customer_id = _letter(house, fact)
            if letter is None or house.settings.smtp_url is None:
                continue
            try:
                send_letter(house.settings, letter, now=house.clock.now())
            except MailRefusedError:
                with work(house.engine) as session:
                    refuse_address(session, customer=living_customer(session, customer_id), now=house.clock.now())
                raise


def _letter(house: House, fact: Fact) -> tuple[Letter | None, int]:
    """The letter, if the address agrees to it at this moment, and whose it is."""
    now, base = house.clock.now(), house.settings.public_url
    with reading(house.engine) as session:
        customer = living_customer(session, fact.customer_id or 0)
        address, consent = email_of(house.ring, customer), consent_of(session, customer.id)
        if address is None or consent is None or consent.revoked_at is not None:
            return None, customer.id
        if fact.kind == ASKED:
            # Only the newest question counts, and one that was answered is not asked again.
            if consent.confirmed_at is not None or consent.asked_at != fact.occurred_at:
                return None, customer.id
            return _question(fact.key, address, make_link(house.ring, customer, do="confirm", base=base, now=now)), customer.id
        topic = TOPIC_OF.get(str(fact.data.get("kind")), "tier")
        way = find_ways(session, [customer.id], now=now).get(customer.id)
        if not may_mail(consent) or way is None or Channel.EMAIL not in way.allowed(topic, now=now, mail=True):
            return None, customer.id
        programme = name_of_programme(session, int(fact.data["programme_id"]))
        zh, en = _news(fact)
        leave = make_link(house.ring, customer, do="leave", base=base, now=now)
        text = f"{zh}。\n{base}/me\n\n{en[:1].upper()}{en[1:]}.\n\n不想再收到这类邮件 · to hear no more: {leave}\n"
        return Letter(fact.key, address, f"{programme}：{zh}"[:120], text, leave), customer.id


def _question(key: str, address: str, link: str) -> Letter:
    text = (
        f"请点开下面的链接，确认用这个邮箱接收会员提醒（三天内有效）。如果不是您填写的，不理会即可，我们不会再写信。\n{link}\n\n"
        "Open the link to receive your membership reminders at this address; it is good for three days. "
        "If it was not you, do nothing, and we shall not write again.\n"
    )
    return Letter(key, address, "请确认您的邮箱 · Please confirm your address", text)


def _news(fact: Fact) -> tuple[str, str]:
    if fact.kind == REMINDED:
        return str(fact.data["zh"]), str(fact.data["en"])
    benefits = str(fact.data.get("benefits") or "").replace("\n", "、")
    said = "恭喜升级为" if fact.kind == UPGRADED else "您的会员等级现为"
    return f"{said}{fact.data['to']}" + (f"，权益：{benefits}" if benefits else ""), f"your tier is {fact.data['to']} now"


plugin = SendMail()
