"""``tagsmith train``: the stages of a bundle, in the order of docs/walk.md; imports no evaluation."""
