"""HTTP in, HTTP out: opens the transaction and decides nothing."""
