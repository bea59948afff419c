"""Time: ingest, reactions, broadcasts, receipts and schedules."""
