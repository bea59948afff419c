"""The doors of the tag room: define, give and take by hand, ask why, sweep what expired."""

from tagging.dictionary import access_tag, check_params, define_group, define_rule, define_tag, find_tag, switch_rule
from tagging.expiry import expire_tags
from tagging.hand import tag_customers, tag_segment, untag_customers
from tagging.why import tags_of, why_tagged

__all__ = [
    "access_tag",
    "check_params",
    "define_group",
    "define_rule",
    "define_tag",
    "expire_tags",
    "find_tag",
    "switch_rule",
    "tag_customers",
    "tag_segment",
    "tags_of",
    "untag_customers",
    "why_tagged",
]
