"""One file per starter set of tags."""
