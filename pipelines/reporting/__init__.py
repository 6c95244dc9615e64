"""The report of a training: its data (``report.json``) and its page (``report.html``)."""
