"""Licensed photographs of Wikimedia Commons and Openverse; imports no other source."""
