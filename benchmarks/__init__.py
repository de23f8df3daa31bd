"""How long things take, and how near mattes come to the truth. Figures are printed, never asserted."""
