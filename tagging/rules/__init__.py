"""One file per kind of tag rule."""
