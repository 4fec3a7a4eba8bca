"""From a checked request to an answer: what the routes call; imports no route."""
