"""What kind of record this is, told from its keys."""
