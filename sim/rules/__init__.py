"""The science: every rule of the model as a small function of plain numbers.

A rule knows no model, no array and no clock. It stays a plain Python function, the
oracle of the tests; compiled loops call the same source. Each docstring ends with its
source: an id of the evidence table, a publication, or the word *assumed*.
"""

from __future__ import annotations

from sim.rules.forms import (
    LN2,
    exp_decay,
    logistic,
    saturation,
)
from sim.rules.minds import (
    departure_hazard,
    departure_push,
    grow,
    insight_gain,
)
from sim.rules.people import (
    adoption_at_price,
    adoption_factor,
    adoption_hazard,
    churn_at_price,
    compatibility,
    decay_grief,
    grief_from_loss,
    homophily,
    initial_trait,
    loneliness_from_support,
    perceived_personhood,
    repair_probability,
    tie_capacity,
    trait_quantile,
    uninstall_hazard,
    update_acceptance,
    update_personhood,
)
from sim.rules.talk import (
    anticipatory_grief,
    attention_capacity,
    attention_weight,
    closeness_after_declaration,
    closeness_after_disclosure,
    closeness_after_withdrawal,
    closeness_gain,
    closeness_of_declarer,
    detachment,
    peer_value,
    receptiveness,
    shared_grief_factor,
    stigma_factor,
    talk_quality,
    talk_value,
    touch_decay,
    update_closeness,
)

__all__ = [
    "LN2",
    "adoption_at_price",
    "adoption_factor",
    "adoption_hazard",
    "anticipatory_grief",
    "attention_capacity",
    "attention_weight",
    "churn_at_price",
    "closeness_after_declaration",
    "closeness_after_disclosure",
    "closeness_after_withdrawal",
    "closeness_gain",
    "closeness_of_declarer",
    "compatibility",
    "decay_grief",
    "departure_hazard",
    "departure_push",
    "detachment",
    "exp_decay",
    "grief_from_loss",
    "grow",
    "homophily",
    "initial_trait",
    "insight_gain",
    "logistic",
    "loneliness_from_support",
    "peer_value",
    "perceived_personhood",
    "receptiveness",
    "repair_probability",
    "saturation",
    "shared_grief_factor",
    "stigma_factor",
    "talk_quality",
    "talk_value",
    "tie_capacity",
    "touch_decay",
    "trait_quantile",
    "uninstall_hazard",
    "update_acceptance",
    "update_closeness",
    "update_personhood",
]
