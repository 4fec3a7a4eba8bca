"""Figures of a draft beside the published methods; knows the results of the training stages, and no stage knows it."""
