"""What a bundle knows about words, hashtags and classes, opened; imports no signal."""
