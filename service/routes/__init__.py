"""The calls of the contract, read, answered and documented; imported by the application alone."""
