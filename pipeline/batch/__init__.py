"""Many pictures: found, cut out by worker processes, noted in a journal, reported."""
