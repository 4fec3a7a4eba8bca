"""What is known of posts on disk; imports no pipeline but their configs."""
