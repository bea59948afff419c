"""Coupons in their life: templates, issue, claim, gift, hold, use, reversal, voiding and expiry."""
