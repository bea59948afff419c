"""The gateway's calls by area, each a part of the one class in `app.wechat.gateway`."""
