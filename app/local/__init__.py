"""PostgreSQL, Redis and Fanka's own processes on one machine: what runs when no server was named."""
