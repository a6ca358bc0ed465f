"""The whole device in simulated time: one seed decides everything that happens."""
