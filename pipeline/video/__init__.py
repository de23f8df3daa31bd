"""Pictures in time: clips are read, cut out frame by frame and written."""
