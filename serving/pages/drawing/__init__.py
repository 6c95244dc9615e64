"""Server-drawn SVG: colors come from the style sheet by class, so that no inline style is needed."""
