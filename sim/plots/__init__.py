"""Figures of runs, of running societies, and of tables of many runs.

Every function returns a matplotlib figure and leaves nothing behind: no window, no
changed setting. Save one with ``save``.
"""

from __future__ import annotations

from sim.plots.comparison import ComparisonLabels, difference
from sim.plots.ego_history import ego, name_of
from sim.plots.films import FILMS, animate, multiples
from sim.plots.flows import communities, found_communities
from sim.plots.networks import NetworkLayout, network, scene
from sim.plots.stories import story
from sim.plots.style import FORMATS, PRESETS, preset, save
from sim.plots.sweeps import Map, effects, heat_map, phase, sensitivity
from sim.plots.timelines import timeline
from sim.plots.trends import attention, growth, hours_given, staying, survival

__all__ = [
    "FILMS",
    "FORMATS",
    "PRESETS",
    "ComparisonLabels",
    "Map",
    "NetworkLayout",
    "animate",
    "attention",
    "communities",
    "difference",
    "effects",
    "ego",
    "found_communities",
    "growth",
    "heat_map",
    "hours_given",
    "multiples",
    "name_of",
    "network",
    "phase",
    "preset",
    "save",
    "scene",
    "sensitivity",
    "staying",
    "story",
    "survival",
    "timeline",
]
