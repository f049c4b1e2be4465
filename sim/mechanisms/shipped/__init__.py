"""Mechanisms that come with the package, and are in a society only if it names them.

Each has a file of its name, which is written as those of users are. What is in every
society stands in ``sim.model.mechanisms``.
"""
