"""Uploads and their limits."""

import json

import pytest


def upload(platform, name, content, type_="image", path="/cgi-bin/media/upload"):
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="media"; filename="'
        + name
        + b'"\r\nContent-Type: image/png\r\n\r\n'
        + content
        + b"\r\n--edge--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    return json.loads(platform.request("POST", f"{path}?access_token={platform.token()}&type={type_}", body, headers).body)


def test_an_uploaded_picture_can_be_sent(platform):
    media = upload(platform, b"a.png", b"\x89PNG" + b"x" * 100)
    assert (media["type"], media["created_at"] > 0) == ("image", True)
    person, openid = platform.follower()
    body = {"touser": openid, "msgtype": "image", "image": {"media_id": media["media_id"]}}
    assert platform.call("/cgi-bin/message/custom/send", body)["errcode"] == 0
    assert platform.screen(person)[0]["data"]["media_id"] == media["media_id"]


@pytest.mark.parametrize(
    ("name", "size", "type_", "errcode"),
    [(b"a.exe", 10, "image", 40005), (b"a.jpg", 65 * 1024, "thumb", 45001), (b"a.png", 10, "song", 40004), (b"a.png", 0, "image", 41005)],
)
def test_limits(platform, name, size, type_, errcode):
    assert upload(platform, name, b"x" * size, type_)["errcode"] == errcode


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=other"])
def test_a_form_without_a_file_is_41005(platform, content_type):
    answer = platform.request(
        "POST", f"/cgi-bin/media/upload?access_token={platform.token()}&type=image", b"--edge--", {"Content-Type": content_type}
    )
    assert json.loads(answer.body)["errcode"] == 41005


def test_permanent_files_and_pictures_have_urls(platform):
    assert upload(platform, b"a.png", b"x", path="/cgi-bin/material/add_material")["url"].startswith("http")
    assert upload(platform, b"a.png", b"x", path="/cgi-bin/media/uploadimg")["url"].startswith("http")
