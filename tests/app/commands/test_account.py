"""Accounts at a terminal: secrets from anywhere but the command line, faults in one line, followers brought in."""

import pytest

from app.core.nouns import Mode
from tests.support.cast import LIN

SECRETS = {"secret": "s" * 32, "token": "token1", "aes_key": "k" * 43}
ADD = ["account", "add", "wxabc123", "--name", "粉卡旗舰店"]


def test_secrets_come_from_standard_input(house, doc, change_settings):
    change_settings(public_url="https://shop.example.com")
    added = doc(*ADD, "--secrets", "-", stdin=SECRETS)
    assert added["callback_url"] == "https://shop.example.com/wechat/wxabc123"
    held = house.accounts.by_appid("wxabc123")
    assert (held.secret, held.token, held.aes_key, held.mode) == ("s" * 32, "token1", "k" * 43, Mode.SAFE)


def test_secrets_come_from_the_environment(house, doc):
    doc(*ADD, "--mode", "plain", env={"WECHAT_SECRET": "fromenv", "WECHAT_TOKEN": "abc"})
    assert house.accounts.by_appid("wxabc123").secret == "fromenv"


def test_no_option_takes_a_secret(fanka):
    said = fanka("account", "add", "--help").out
    assert "--secret " not in said
    assert "--token" not in said


@pytest.mark.parametrize(
    ("stdin", "options", "code"),
    [
        ({**SECRETS, "aes_key": "k" * 42}, [], "bad_aes_key"),
        ({**SECRETS, "aes_key": "k" * 42 + "!"}, [], "bad_aes_key"),
        ({**SECRETS, "token": "no spaces"}, [], "bad_token"),
        ({"secret": "s", "phone": "1"}, [], "bad_secrets"),
        ("not json", [], "bad_secrets"),
        ({"secret": "s" * 32}, [], "no_secret"),
        ({"secret": "s" * 32, "token": "token1"}, ["--mode", "plain"], None),
    ],
)
def test_what_wechat_could_not_have_given_is_refused(fanka, stdin, options, code):
    answer = fanka(*ADD, *options, "--secrets", "-", json=True, stdin=stdin)
    assert answer.code == (0 if code is None else 1)
    if code is not None:
        assert answer.json["error"]["code"] == code
        assert "s" * 32 not in answer.out + answer.err


def test_the_list_shows_names_and_no_secret_page_by_page(doc, fanka, make_account):
    made = sorted(make_account(name=f"店 {number}").appid for number in range(3))
    first = doc("account", "list", "--limit", "2")
    assert [each["appid"] for each in first["accounts"]] == made[:2]
    rest = doc("account", "list", "--after", first["next"])
    assert [each["appid"] for each in rest["accounts"]] == made[2:]
    assert rest["next"] is None
    assert "token" not in str(first)
    said = fanka("account", "list")
    assert "名称" in said.out
    assert "店 0" in said.out


def test_english_on_request(fanka):
    assert fanka("account", "list").out.strip() == "还没有账号"
    assert fanka("account", "list", env={"FANKA_LANG": "en"}).out.strip() == "there is no account yet"


def test_an_unknown_account_is_one_line(fanka):
    answer = fanka("account", "check", "wxnobody")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.strip() == "没有账号 wxnobody / there is no account wxnobody"


def test_check_knocks_at_both_doors(fanka, doc, sandbox, make_account, serve, web_app, change_settings):
    account = make_account()
    change_settings(public_url=serve(web_app))
    sandbox.add_account(account)
    assert doc("account", "check", account.appid) == {"appid": account.appid, "token": "ok", "callback": "ok"}


def test_check_explains_a_wrong_secret_and_a_closed_door(fanka, house, sandbox, make_account, change_settings):
    account = make_account()
    sandbox.add_account(account)
    sandbox.control("accounts", {**_shown(account), "secret": "another"})
    change_settings(public_url="http://127.0.0.1:9")
    answer = fanka("account", "check", account.appid)
    assert answer.code == 1
    assert len(answer.err.strip().splitlines()) == 1
    assert "AppSecret" in answer.err
    assert "http://127.0.0.1:9" in answer.err
    assert account.secret not in answer.err


def test_followers_of_old_are_brought_in(doc, fanka, sandbox, make_account):
    account = make_account()
    sandbox.add_account(account)
    for person in sandbox.add_people(LIN.name, "Wang", "Sun"):
        sandbox.act(person["id"], account, "follow")
    answer = fanka("account", "import", account.appid, json=True)
    assert answer.json == {"appid": account.appid, "total": 3, "listed": 3, "read": 3, "finished": True}
    assert "3" in answer.err
    assert doc("account", "list")["accounts"][0]["followers"] == 3


def _shown(account):
    return {
        "appid": account.appid,
        "kind": str(account.kind),
        "name": account.name,
        "token": account.token,
        "aes_key": account.aes_key,
        "mode": str(account.mode),
    }
