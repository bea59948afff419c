"""`fanka crm` and the doctor's line about it: how questions stand, why, asking again, and what is wrong with the connection."""

import pytest

from cards.crm import call
from jobs.crm import ask_questions
from tests.support.crm import SECRET, open_crm, says

PHONE = "13800000003"


@pytest.fixture
def crm(house, doc):
    doc("store", "add", "NJX", "--name", "南京西路店", "--unit", "海岸百货")
    doc("programme", "add", "海岸会员")
    doc("tier", "add", "普通", "--rank", "0")
    with open_crm() as running:
        running.connect(house, "海岸百货")
        yield running


def test_trouble_is_shown_with_its_reason_and_asked_again(house, crm, doc, fanka):
    crm.know(PHONE, tier="钻石")
    doc("member", "open", "--phone", PHONE)
    ask_questions(house)
    told = doc("crm", "status")
    assert told["counts"] == {"waiting": 1, "brought": 0, "known": 0, "nobody": 0, "unproved": 0, "parked": 0}
    (trouble,) = told["trouble"]
    assert (trouble["state"], trouble["reason"], trouble["tries"]) == ("waiting", "no_tier", 1)
    said = fanka("crm", "status").out
    assert "no_tier" in said
    assert PHONE not in said
    crm.know(PHONE, tier="普通")
    assert ask_questions(house) == 0
    assert doc("crm", "retry", trouble["id"]) == {"asked": 1}
    assert ask_questions(house) == 1
    assert doc("member", "find", "--phone", PHONE)["points"] == 1200
    assert doc("crm", "retry") == {"asked": 0}
    assert [entry["action"] for entry in doc("audit", "list", "--action", "crm.*")["entries"]] == ["crm.brought", "crm.retried"]


def finding(fanka):
    return [(each["level"], each["en"]) for each in fanka("doctor", json=True).json["findings"] if each["part"] == "crm"]


def test_the_doctor_says_what_is_wrong_with_the_crm(house, crm, fanka, monkeypatch, change_settings):
    monkeypatch.setattr(call, "WHOLE_MS", 500)
    assert finding(fanka) == [("ok", "the CRM answers")]
    assert crm.asked[-1]["phone"] == "10000000000"
    crm.instead = says(200, b"{}")
    assert finding(fanka) == [("bad", "the CRM: its answer cannot be used: bad_answer:member")]
    change_settings(crm_secret=SECRET + "x")
    assert "refused the signature" in finding(fanka)[0][1]
    change_settings(crm_url="http://127.0.0.1:9/")
    assert finding(fanka) == [("bad", "the CRM: nobody listens at the address")]
    change_settings(crm_unit="没有")
    assert "no business unit" in finding(fanka)[0][1]
    change_settings(crm_url=None)
    assert finding(fanka) == []
