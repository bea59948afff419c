"""A process that has started."""

import gc

from app.core.house import settle_in


def test_what_is_there_at_the_start_is_no_garbage_to_look_through() -> None:
    kept = [{} for _ in range(1000)]
    before = gc.get_freeze_count()
    try:
        settle_in()
        assert gc.get_freeze_count() >= before + len(kept)
    finally:
        gc.unfreeze()
