"""The front door: whoever has only the address finds the card, the rules and the counter."""

import pytest

from tests.app.web.h5.test_pages import text


def links(answer):
    return [part.split('"')[0] for part in answer.get_data(as_text=True).split('<a href="')[1:]]


def test_the_front_door_leads_to_the_card_the_rules_and_the_counter(web, counter):
    answer = web.get("/")
    assert answer.status_code == 200
    assert {"/me", "/me/rules", "/clerk"} <= set(links(answer))
    assert "粉卡 · 海岸百货" in text(answer)
    assert "Staff: redeem" in text(web.get("/?lang=en"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_before_there_is_a_programme_the_front_door_says_so(house, language):
    from app.factory import create_app

    answer = create_app(house).test_client().get(f"/?lang={language}")
    assert answer.status_code == 200
    assert {"zh": "会员计划还没有开通", "en": "There is no membership programme yet"}[language] in text(answer)
    assert "/me/rules" not in links(answer)
