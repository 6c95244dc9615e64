"""What sheets and models are worth on leads that none of them learned from."""
