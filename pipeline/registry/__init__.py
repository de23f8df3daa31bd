"""What each model is, and its weight files: found, fetched, checked."""
