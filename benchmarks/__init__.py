"""Benchmarks: ratios beside peers, as CPU time. ``python -m benchmarks --help``."""
