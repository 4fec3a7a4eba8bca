"""Published methods, one a file, to be measured beside ours."""
