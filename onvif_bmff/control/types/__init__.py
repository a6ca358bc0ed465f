"""The structures of clause 5 and Annex A: plain values, without behaviour of the service."""
