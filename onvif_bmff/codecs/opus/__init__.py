"""Opus."""
