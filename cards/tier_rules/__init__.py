"""One file per measure by which members qualify for a tier."""
