"""One file per kind of message or event."""
