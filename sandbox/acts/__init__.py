"""What people do with their phones: follow, scan, click, write, take cards; each act is one event of the platform."""
