"""What `fanka doctor` looks at, one part a file; each finding is one line in both languages."""
