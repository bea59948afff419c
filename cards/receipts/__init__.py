"""Points by receipt photo: a customer sends one in, somebody at that store looks at it, and it earns once."""
