"""What an owner does to an installation: own models, trials, faster arithmetic, a look at its health."""
