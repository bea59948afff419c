"""The demo: a shop's day on a sandboxed WeChat, and a comparison that shares no code with what it judges."""
