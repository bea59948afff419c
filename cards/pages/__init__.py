"""Claim pages that marketers build: blocks under a name, saved in versions, published by one guarded step, and pictures of their own."""
