"""One file per projection: what runs in the transaction that records a fact."""
