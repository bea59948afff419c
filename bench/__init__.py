"""Speed, measured: every figure of Fanka beside an honest baseline that does the same work in the same run."""
