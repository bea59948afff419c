"""Broadcasts: planned once, frozen into rows, drained by accounts, settled by receipts; state is always a query over rows."""
