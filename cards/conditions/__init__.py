"""One file per kind of segment condition over this room's tables."""
