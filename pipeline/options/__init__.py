"""What a user can ask for: one field an option, presets of several, canvases that somebody else prescribes."""
