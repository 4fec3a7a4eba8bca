"""The types that flow, hashtags, captions, bundles and errors; imports no other room, and NumPy and regex alone."""
