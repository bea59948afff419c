"""Money and membership: cards, tiers, points, coupons, redemption and orders."""
