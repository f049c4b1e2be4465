"""The live page: a society to watch, to stop, to change and to branch.

What the page does is in ``session`` and the modules below it, which know of no browser;
``page`` and ``figures`` show it.
"""

from __future__ import annotations
