"""Safe repairs: of one record, and of a file into a new one."""
