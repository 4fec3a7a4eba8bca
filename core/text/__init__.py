"""Captions and hashtags as text: normal form, words, display, links, unwanted lists; imports no other room."""
