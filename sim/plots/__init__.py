"""Figures of runs, of running societies, and of tables of many runs.

Every function returns a matplotlib figure and leaves nothing behind: no window, no
changed setting. Save one with ``save``.
"""

from __future__ import annotations

from sim.plots.circles import communities, found_communities
from sim.plots.compared import ComparisonLabels, difference
from sim.plots.lives import attention, growth, hours_given, staying, survival
from sim.plots.moving import FILMS, animate
from sim.plots.person import ego, name_of
from sim.plots.relations import multiples, network
from sim.plots.staging import NetworkLayout, scene
from sim.plots.story import timeline
from sim.plots.style import FORMATS, save
from sim.plots.tables import Map, heat_map, phase, sensitivity

__all__ = [
    "FILMS",
    "FORMATS",
    "ComparisonLabels",
    "Map",
    "NetworkLayout",
    "animate",
    "attention",
    "communities",
    "difference",
    "ego",
    "found_communities",
    "growth",
    "heat_map",
    "hours_given",
    "multiples",
    "name_of",
    "network",
    "phase",
    "save",
    "scene",
    "sensitivity",
    "staying",
    "survival",
    "timeline",
]
