"""Meaning: facts become tags, tags become segments; channels say where a customer came from."""
