"""One file per way a message travels."""
