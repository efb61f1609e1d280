"""Rules about what an example teaches, rather than whether a service takes it.

They speak only where it is clear: a false alarm costs more trust than a miss.
"""
