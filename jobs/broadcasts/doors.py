"""The dotted names of this room's RQ jobs: a wire format, so they stand in one place."""

START = "jobs.broadcasts.freeze.start_broadcast"
DRAIN = "jobs.broadcasts.drain.drain"
