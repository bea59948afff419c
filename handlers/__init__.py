"""The message chain: an inbound becomes an outcome, a reply and fact drafts."""
