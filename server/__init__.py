"""What another program sees: the HTTP app with its routes, limits, hosts and tokens. It mounts the page."""
