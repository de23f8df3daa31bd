"""Edges of a matte at the photo's size, and the subject's own colour along them; one algorithm a file."""
