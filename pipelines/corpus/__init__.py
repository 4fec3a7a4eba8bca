"""What is known of posts on disk; imports no stage."""
