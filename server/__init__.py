"""The HTTP server: API, limits, hosts and passwords; it mounts the page."""
