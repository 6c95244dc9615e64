"""What was known about a lead, and when: history to point-in-time features and labels."""
