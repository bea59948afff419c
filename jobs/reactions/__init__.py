"""One file per reaction: an effect that is a row before it is an action."""
