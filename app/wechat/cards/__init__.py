"""One file per card product of WeChat: a mirror of our members' cards, never their record."""
