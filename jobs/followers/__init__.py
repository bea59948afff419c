"""Followers brought in from WeChat and kept in step."""
