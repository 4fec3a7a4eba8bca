"""The config of each pipeline, read from TOML; imports no pipeline."""
