"""The ground of the house: what every room stands on and nothing above is known here."""
