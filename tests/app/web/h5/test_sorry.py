"""What goes wrong is a page that says what to do next; a program that asks for no page gets its problem document."""

import pytest

from tests.app.web.h5.test_pages import text

READS = {"Accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize(("language", "said", "next_step"), [("zh", "没有找到", "返回我的会员卡"), ("en", "Not found", "Back to my card")])
def test_an_address_that_leads_nowhere_is_a_page(web, counter, language, said, next_step):
    answer = web.get(f"/nowhere/at/all?lang={language}", headers=READS)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert said in text(answer)
    assert next_step in text(answer)


def test_an_address_for_forms_is_a_page_when_it_is_opened(web, counter):
    answer = web.get("/me/check-in", headers=READS)
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "不能直接打开" in text(answer)


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nowhere", "/clerk/nowhere"])
def test_a_program_gets_its_problem_document(web, counter, path):
    headers = {} if path == "/nowhere" else READS
    answer = web.get(path, headers=headers)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_a_form_too_large_is_refused_on_a_page(web, counter):
    counter.member("oLin")
    counter.log_in(web, "oLin")
    answer = web.post("/me/profile", data={"name": "长" * 20_000}, headers=READS)
    assert (answer.status_code, answer.mimetype) == (413, "text/html")
    assert "缩短" in text(answer)


def test_an_accident_is_a_page_with_its_number_and_a_second_try(web, counter, monkeypatch):
    monkeypatch.setattr("app.web.h5.rules.first_programme", None)
    answer = web.get("/me/rules?a=1", headers=READS)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "服务暂时不可用" in text(answer)
    assert 'href="/me/rules?a=1"' in answer.get_data(as_text=True)
    assert "NoneType" not in answer.get_data(as_text=True)
