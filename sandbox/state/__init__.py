"""What the platform knows: accounts, people, quotas, tokens, settings. No HTTP and no files here."""
