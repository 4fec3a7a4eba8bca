"""Pretrained networks: which there are, their weights and licences, how one is built; imports no other wing."""
