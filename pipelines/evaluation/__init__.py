"""Figures beside the published methods; imports no stage of training."""
