"""From a photo to a prediction: engines, families of networks, the pool of sessions, the cache of predictions."""
