"""Names of the figures that can be drawn of a run, by functions of ``sim.plots``."""

FIGURES = (
    *("story", "timeline", "network", "multiples", "ego", "communities", "growth"),
    *("attention", "survival"),
)
TWO_COLUMNS = ("network",)  # those that a single column of a journal has no room for
