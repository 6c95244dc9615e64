"""From evidence to an answer: probability, points, band, reasons in words, and why the score moved."""
