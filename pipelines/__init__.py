"""Making bundles: split, train, evaluate, publish."""
