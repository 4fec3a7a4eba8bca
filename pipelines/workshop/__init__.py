"""The stage machine: fingerprints, skipping, resuming, progress; it imports no stage."""
