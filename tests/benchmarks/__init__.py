"""Measurements, run by hand: ``python -m tests.benchmarks [NAME…] [--json FILE]``.

Each module has ``measure() -> list[Row]``. A figure is a ratio against a named peer or limit of
the same run, because machines differ and drift; the absolute numbers stand beside it.
"""
