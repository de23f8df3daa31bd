"""What an owner does to an installation: own models, trials, faster arithmetic, checks of the machine."""
