"""One file per type of coupon: its terms and what it takes off, pure and in integer fen."""
