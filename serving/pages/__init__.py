"""The review pages: a lead in ten seconds for who has to call it, and every number for who asks why."""
