"""What each model is, and its files: found, fetched, checked."""
