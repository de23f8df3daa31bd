"""From matte to matte at the photo's size, and the subject's own colour under it; one algorithm a file."""
