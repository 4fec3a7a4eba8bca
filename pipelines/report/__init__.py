"""Report pages, tables and plots; imports no stage."""
