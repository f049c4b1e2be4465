"""Names of the figures that can be drawn of a run, by functions of ``sim.plots``."""

FIGURES = (
    *("story", "timeline", "network", "multiples", "ego", "communities", "growth"),
    *("attention", "survival"),
)
