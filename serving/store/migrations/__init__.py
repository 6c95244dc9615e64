"""How the tables came to be what they are; one module per step, none of which changes once released."""
