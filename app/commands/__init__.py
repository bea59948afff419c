"""The commands of `fanka`: doors that compose rooms for somebody at a terminal."""
