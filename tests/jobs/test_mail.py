"""Letters over a real socket: what they say, what is refused for good and for now, and never a word without TLS to another machine."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.core.errors import UnavailableError
from jobs.mail import Letter, MailRefusedError, message_id, send_letter
from tests.support.smtp import post_office, sign_for_loopback

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
LETTER = Letter(
    "fact:1", "lin@example.com", "粉卡：您有 80 积分", "您有 80 积分将到期。\n.一个点开头\n", "https://fanka.test/h5/mail?do=leave"
)


@pytest.fixture
def office():
    with post_office() as opened:
        yield opened


@pytest.fixture
def posted(house, office):
    return replace(house.settings, smtp_url=office.url, smtp_from="no-reply@fanka.test")


def test_a_letter_arrives_as_it_was_written(posted, office):
    said = send_letter(posted, LETTER, now=NOW)
    (got,) = office.opened()
    assert office.letters[0][0] == "lin@example.com"
    assert (got["Subject"], got["From"], got["To"]) == (LETTER.subject, "no-reply@fanka.test", "lin@example.com")
    assert got["Message-ID"] == said == message_id("fact:1", "no-reply@fanka.test")
    assert got["Date"].datetime == NOW
    assert got["List-Unsubscribe"] == f"<{LETTER.leave}>"
    assert got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert got.get_content().splitlines() == LETTER.text.splitlines()


def test_a_repeat_carries_the_same_number_and_another_delivery_another(posted, office):
    for letter in (LETTER, LETTER, replace(LETTER, key="fact:2")):
        send_letter(posted, letter, now=NOW)
    first, again, other = [each["Message-ID"] for each in office.opened()]
    assert first == again != other


@pytest.mark.parametrize("verb", ["RCPT", "END"])
@pytest.mark.parametrize(("answer", "error"), [(b"550 no such box", MailRefusedError), (b"451 later", UnavailableError)])
def test_what_is_refused_for_good_is_not_tried_again(posted, office, verb, answer, error):
    office.refuse[verb] = answer
    with pytest.raises(error):
        send_letter(posted, LETTER, now=NOW)
    assert office.letters == []


@pytest.mark.parametrize("verb", ["EHLO", "DATA", "END"])
def test_a_line_that_goes_dead_is_tried_again(posted, office, verb):
    office.hang_up.add(verb)
    with pytest.raises(UnavailableError):
        send_letter(posted, LETTER, now=NOW)


def test_a_house_without_a_post_office_sends_nothing(house):
    with pytest.raises(MailRefusedError):
        send_letter(house.settings, LETTER, now=NOW)


def test_where_tls_is_asked_for_nothing_is_said_without_it(posted, office):
    with pytest.raises(UnavailableError):
        send_letter(replace(posted, smtp_url=f"smtp+starttls://u:secret@127.0.0.1:{office.port}"), LETTER, now=NOW)
    assert not {"AUTH", "MAIL", "RCPT", "DATA"} & set(office.heard)


@pytest.mark.parametrize("trusted", [True, False])
def test_under_tls_the_password_and_the_letter_go_only_to_whom_the_certificate_names(posted, office, tmp_path, monkeypatch, trusted):
    office.secure, certificate = sign_for_loopback(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    placed = replace(posted, smtp_url=f"smtp+starttls://u:secret@127.0.0.1:{office.port}")
    if trusted:
        send_letter(placed, LETTER, now=NOW)
    else:
        with pytest.raises(UnavailableError):
            send_letter(placed, LETTER, now=NOW)
    assert office.heard == ["EHLO", "STARTTLS"]
    assert office.sealed == (["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"] if trusted else [])
    assert len(office.letters) == trusted


@pytest.mark.parametrize("to", ["lin@example.com\r\nBcc: zhao@example.com", "lin@example.com\nX: y"])
def test_a_line_break_in_an_address_writes_no_header(posted, office, to):
    with pytest.raises(ValueError, match=r"linefeed|carriage"):
        send_letter(posted, replace(LETTER, to=to), now=NOW)
    assert office.letters == []
