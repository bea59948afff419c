"""One file per projection: what happens to members and money in the transaction that records a fact."""
