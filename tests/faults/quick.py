"""A worker whose leases are short, so that what a kill leaves behind is taken up within seconds; nothing else about it differs.

`python -m tests.faults.quick <lease seconds> <arguments of app.worker>`
"""

import sys
from datetime import timedelta

from jobs.broadcasts import lanes


def main() -> int:
    """Shorten the leases before anything that copies them is imported, then be the worker."""
    lease_s = float(sys.argv[1])
    lanes.LEASE = timedelta(seconds=lease_s)
    from app import worker
    from jobs.broadcasts import claim, pump

    assert lanes.LEASE == claim.LEASE == pump.LEASE
    # Answers are held for less than the lease, as they are with the long one.
    pump.RECORD_FOR_S = lease_s * 2 / 3
    return worker.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
