"""A simulated life-sciences vendor: invented people, known truth. Nothing here is real data.

``company`` says what is true, ``people`` and ``behavior`` draw who comes and what they do, ``state``
reads what is visible at a moment, ``outcomes`` lets sales decide, the ``export`` modules write what the
systems of such a company would hand out, and ``truth`` writes down what only a simulation can know.
"""
