"""What is known of each hashtag by itself: popularity, tier, trend, related ones; imports no signal."""
