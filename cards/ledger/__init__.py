"""The points ledger: earn, spend, hold, return, transfer, expire; every movement a transaction whose entries sum to zero."""
