"""The types that flow, hashtags, captions, bundles and errors: plain Python and NumPy."""
