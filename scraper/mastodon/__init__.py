"""Public timelines of Mastodon and Pixelfed; imports no other source."""
