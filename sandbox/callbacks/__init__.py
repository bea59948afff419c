"""Calling back like the platform: signed, encrypted, repeated, sometimes twice, late or out of order."""
