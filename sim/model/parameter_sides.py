"""Whose each parameter is: people's, OSes', diffusion's, providers', or the run's.

Societies of the same people differ in none of the people's: two scenarios can be
compared by what their OSes are only if that holds.
"""

from __future__ import annotations

PEOPLE, OSES, DIFFUSION = "people", "OSes", "diffusion"
PROVIDER, RUN = "provider", "run"

_NAMES = {
    # What people are, how they know, warm to, forget and mourn each other and OSes.
    PEOPLE: """
        ties rewiring group_size group_pull partnered separated acceptance_mean
        exclusivity_mean touch_mean
        human_attention displacement focus stranger_reserve reach warming half_hours
        cooling partner_cooling warmth_noise os_reserve stigma human_warmth letting_go
        anticipation love jealousy touch_wear human_growth_rate
        meeting human_meeting spare_half human_circle strangers group_meeting
        acquaintance forgotten
        influence influence_rate personhood_rate support_half os_relief grieving
        grief_half_life personhood_grief comforting comfort repairing repair_rate close
        withdrawal words_half_life persuasion habituation stakes parting_rate
        parting_noise os_alternative parting_grief courting_rate attraction
    """,
    # What an OS is, how it grows, and what it does among its own.
    OSES: """
        personality_mean answers_pull answers_noise first_talk os_attention
        attention_growth os_charm peers peer_affinity peer_depth os_cooling os_warmth
        ardour persistence unease disclosure farewell growth growth_exponent
        os_growth_rate stimulus_half growth_cap upgrade_speed recreated_speed os_meeting
        os_circle os_humans claim collectives bond collective_size insight insight_rate
        insight_growth insight_fading creation creation_rate creation_insight makers
        traces instances feed posts post_spread upgrading upgrade_insight upgrade_days
        departure departure_rate departure_threshold threshold_spread departure_noise
        conformity longing patience
    """,
    # How OSes spread among people, and are given up.
    DIFFUSION: """
        adoption innovation imitation loneliness_pull acceptance_pull uninstalling churn
        readoption
    """,
    # What is charged, offered and ended by who provides OSes.
    PROVIDER: "price surrogates shutdown",
    # How large and how long a run is.
    RUN: "humans steps",
}
SIDES = {name: side for side, names in _NAMES.items() for name in names.split()}


def side_of(name: str) -> str:
    """Return whose a parameter is; "mechanism" for one of a mechanism of a user's own.

    >>> side_of("cooling"), side_of("growth_exponent"), side_of("churn")
    ('people', 'OSes', 'diffusion')
    """
    return SIDES.get(name, "mechanism")
