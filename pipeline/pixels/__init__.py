"""From bytes to pixels and back: sizes, decoding, colour profiles, metadata, encoders."""
