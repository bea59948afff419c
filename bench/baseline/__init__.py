"""The usual way to build each part, done well: what our figures are compared with."""
