"""How long things take. Figures are printed, never asserted."""
