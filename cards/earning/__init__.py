"""One file per kind of earning rule."""
