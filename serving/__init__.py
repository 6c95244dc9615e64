"""One lead, now, over HTTP."""
