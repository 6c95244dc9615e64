"""From features and labels to probabilities, reasons and a folder that can be served."""
