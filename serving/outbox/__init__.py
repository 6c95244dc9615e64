"""Tells the CRM when a score changed: signed, at least once, and the latest score of a lead last."""
