"""Migration from another vendor: members, tiers, points with lots, balances and coupons from CSV, tried before anything is written."""
