"""Routing, candidates, signals, ranking and explanation of hashtag suggestions."""
