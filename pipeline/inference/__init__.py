"""From a photo to a prediction: engines, kinds of networks, sessions in a pool, predictions by content."""
