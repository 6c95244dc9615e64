"""What the service remembers: evidence about leads, every answer given, and who may ask.

``engine.Store`` reads and writes, ``writer.Writer`` lets many requests share one commit; the other modules
hold one kind of row each, as functions of a connection.
"""
