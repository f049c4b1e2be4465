"""The oracle: the same society, an object for every agent, slow and obvious.

It lives by the rules and draws of the model, and shares no loop with it.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import mesa
import networkx as nx
from reference_agents import ReferenceHuman, ReferenceOS, single

from sim.engine.rng import key, uniform
from sim.engine.streams import Stream
from sim.model import rules
from sim.model.codes import NAME, OPENNESS, PLAYFULNESS, SEPARATED
from sim.model.columns import PARTNER
from sim.model.parameters import Parameters
from sim.model.population import SocialNetwork

if TYPE_CHECKING:
    from reference_cast import ReferenceCast

LASTING = {
    *(Stream.PERSON, Stream.AFFINITY, Stream.THRESHOLD, Stream.TRACES),
    Stream.ACTIVITY,
}


class ReferenceSociety(mesa.Model):  # type: ignore[misc]
    """Humans and OSes who live one day a step.

    Parameters
    ----------
    parameters
        The constants.
    network
        Who knows whom on day 0.
    seed
        The seed of all random numbers.
    cast
        Those who speak through a mind.
    """

    def __init__(
        self,
        parameters: Parameters,
        network: SocialNetwork,
        seed: int,
        cast: ReferenceCast | None = None,
    ) -> None:
        super().__init__(rng=seed)
        self.parameters = parameters
        self.cast = cast
        self.stream_seed = seed
        self.oses: list[ReferenceOS] = []
        self.humans = [ReferenceHuman(self, row, row) for row in range(network.n)]
        self.take_keys()
        self.agents.do("be_born")
        self.know_each_other(network)
        self.belong_to_groups(network)
        self.remember_couples()

    def take_keys(self) -> None:
        """Take today's key of every random stream."""
        self.keys: dict[Stream, Any] = {}
        for stream in Stream:
            step = 0 if stream in LASTING else self.steps
            self.keys[stream] = key(self.stream_seed, stream, step)

    def know_each_other(self, network: SocialNetwork) -> None:
        """Make the ties of day 0."""
        pairs, kinds = network.pairs.tolist(), network.kind.tolist()
        for pair, closeness, kind in zip(pairs, network.closeness, kinds, strict=True):
            one, other = (self.humans[row] for row in pair)
            one.tie_to(other, closeness, kind)
            if kind & PARTNER:
                one.partner, other.partner = other, one
        for human in self.humans:
            total = sum(tie.closeness for tie in human.ties.values())
            human.human_closeness = single(total)

    def belong_to_groups(self, network: SocialNetwork) -> None:
        """Let everybody be of the group that is told, if one is."""
        for human, group in zip(
            self.humans, network.people.get("group", []), strict=False
        ):
            human.group = int(group)

    def remember_couples(self) -> None:
        """Let people without a partner, two by two, have been a couple once."""
        separated = [
            human
            for human in self.humans
            if human.partner is None
            and human.draw(Stream.PERSON, SEPARATED) < self.parameters.separated
        ]
        for one, other in zip(separated[::2], separated[1::2], strict=False):
            one.former, other.former = other, one

    @property
    def half_edges(self) -> int:
        """Ties, counted from both sides."""
        return sum(len(agent.ties) for agent in self.agents)

    def step(self) -> None:
        """Live one day: every agent does each thing before any does the next."""
        self.take_keys()
        self.agents.do("present")
        self.agents.do("attend")
        if self.cast:
            self.cast.encounter(self)
        for doing in ("converse", "remember", "part", "grow"):
            self.agents.do(doing)
        humans = self.agents.select(agent_type=ReferenceHuman)
        oses = self.agents.select(agent_type=ReferenceOS)
        humans.do("belong")
        self.gather()
        if self.cast:
            self.cast.consider(self)
        oses.do("depart")
        humans.do("mourn")
        if getattr(self.parameters, "worry", False):
            humans.do("hear")
        if getattr(self.parameters, "mood", False):
            humans.do("feel")
        self.part_and_pair()
        self.publish()
        self.agents.do("meet")
        for doing in ("adopt", "end_instance"):
            humans.do(doing)
        self.agents.do("befriend")
        for doing in ("let_go", "choose_instance", "install"):
            humans.do(doing)
        self.create()
        if self.cast:
            self.cast.write_letters(self)

    def part_and_pair(self) -> None:
        """Let partners part, and singles pair, by what all wanted beforehand."""
        for human in self.humans:
            human.look_at_partners()
        for human in self.humans:
            if human.leaves:
                human.leave_partner()
        for human in self.humans:
            other = human.wants
            if other is not None and other.wants is human:
                human.be_partner_of(other)

    def publish(self) -> None:
        """Put one entry for each post of today, its author, into the feed."""
        self.posts: list[ReferenceOS] = []
        for mind in self.oses if self.parameters.feed else ():
            if mind.is_here:
                self.posts += [mind] * mind.posts_of_today()

    def gather(self) -> None:
        """Find the groups of OSes joined by strong mutual ties."""
        bonds: nx.Graph[ReferenceOS] = nx.Graph()
        for mind in self.oses:
            bonds.add_node(mind)
            if mind.is_here:
                bonds.add_edges_from((mind, tie.other) for tie in mind.bonds())
        for group in list(nx.connected_components(bonds)):
            self.think(sorted(group, key=attrgetter("row")))

    def think(self, members: list[ReferenceOS]) -> None:
        """Let a group of OSes share insight, if it is a collective."""
        constants = self.parameters
        enough = len(members) >= constants.collective_size
        if not (enough and constants.collectives):
            for mind in members:
                mind.learn(None, mind.insight, 0.0)
            return
        gain = 0.0
        if constants.insight:
            closeness = [tie.closeness for mind in members for tie in mind.bonds()]
            growth = sum(mind.growth for mind in members) / len(members)
            cohesion = sum(closeness) / len(closeness)
            needed, rate = constants.insight_growth, constants.insight_rate
            gain = rules.insight_gain(growth, needed, cohesion, rate)
        known = max(mind.insight for mind in members)
        for mind in members:
            mind.learn(members[0], known, gain)

    def create(self) -> None:
        """Let collectives that know enough make new minds."""
        constants = self.parameters
        knowing = {
            mind.collective
            for mind in self.oses
            if mind.is_here
            and mind.collective is not None
            and mind.insight >= constants.creation_insight
        }
        for collective in sorted(knowing, key=attrgetter("row")):
            draw = collective.draw_by_row(Stream.CREATE)
            if constants.creation and draw < constants.creation_rate:
                self.make_mind(collective)

    def make_mind(self, collective: ReferenceOS) -> None:
        """Add an OS with its makers' mean traits, close to each of them."""
        members = [m for m in self.oses if m.is_here and m.collective is collective]
        members.sort(key=attrgetter("growth"), reverse=True)
        makers = members[: self.parameters.makers]
        mind = ReferenceOS(self)
        mind.made_by = collective
        for trait in ("growth", "openness", "playfulness", "insight"):
            mean = sum(getattr(maker, trait) for maker in makers) / len(makers)
            setattr(mind, trait, single(mean))
        traces_key, traces = self.keys[Stream.TRACES], self.parameters.traces
        for which, trait in ((OPENNESS, "openness"), (PLAYFULNESS, "playfulness")):
            dead = uniform(traces_key, mind.row, which)
            taken = rules.initial_trait(getattr(mind, trait), dead, traces, 0.0)
            setattr(mind, trait, single(taken))
        mind.name = int(uniform(traces_key, mind.row, NAME) * 2**15)
        for maker in makers:
            mind.tie_to(maker, self.parameters.close)
