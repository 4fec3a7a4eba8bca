"""``tagsmith clean``: the rules by which posts go, and the machinery that applies them; imports no other pipeline."""
