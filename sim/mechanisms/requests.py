"""What mechanisms ask of the model: that an OS is shut down.

Codes and row numbers of the model are what its compiled loops find their way by, so no
mechanism writes them. It writes a request, and the model carries that out by its own
rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.mechanisms.declared import REQUEST
from sim.model.columns import DEPARTED, SHUT_DOWN
from sim.model.processes import Phase
from sim.model.state import State


def shut_down(state: State, day: Any) -> None:
    """Shut down the OSes of which that is asked, as their provider would.

    Those that have departed or are shut down stay as they are, and those that their
    owners let go are left to ``depart``, which says so. Ties end, and people grieve,
    as they do for any OS that is shut down. All requests are taken back.
    """
    oses = state.oses
    asked = np.flatnonzero(oses.shutdown_request)
    oses.shutdown_request[asked] = 0
    asked = asked[oses.status[asked] < DEPARTED]
    owner = oses.owner[asked]
    is_let_go = (owner >= 0) & (state.humans.os[owner] != asked)
    rows = asked[~is_let_go]
    oses.status[rows] = SHUT_DOWN
    oses.departed_step[rows] = int(day["calendar"])


PHASE = Phase(
    "shut_down",
    "society",
    shut_down,
    ("oses.status", "oses.owner", "humans.os", REQUEST),
    ("oses.status", "oses.departed_step", REQUEST),
    "OSes of which a mechanism asks it are shut down.",
)
