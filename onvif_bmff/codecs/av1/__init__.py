"""AV1, as far as naming it needs."""
