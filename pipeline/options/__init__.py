"""Options, presets of several options, and canvases that marketplaces and others prescribe."""
