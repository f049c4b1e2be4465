"""The people and OSes of the reference society, an object for each.

A tie here is one-sided: it knows its own closeness, and asks the other's tie for the
rest. What the model keeps in a float32 column, these agents round to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, NamedTuple

import mesa
import numpy as np

from sim.engine.rng import each_of, name_of, pair_uniform, uniform
from sim.engine.streams import Stream
from sim.engine.table import Column
from sim.mechanisms.shipped.mood import felt, relief, wear_off
from sim.mechanisms.shipped.worry import alarm, habituate
from sim.model import rules
from sim.model.codes import (
    ACCEPTANCE,
    ANYONE,
    EXCLUSIVITY,
    FRIEND,
    NAME,
    OPENNESS,
    OWN_GROUP,
    PEER,
    PLAYFULNESS,
    TAKE,
    THEIR_FRIEND,
    TODAY,
    TOUCH,
    WHO,
)
from sim.model.columns import (
    DECLARE,
    DECLARED,
    DEPARTED,
    GOODBYE,
    HERE,
    HUMAN_COLUMNS,
    INSTALLS,
    INTRODUCE,
    KNOWS,
    LETS_GO,
    NOTHING,
    OFFLINE,
    OS_COLUMNS,
    OWNER,
    PARTNER,
    SEEK,
    SHUT_DOWN,
    UNINSTALLED,
    WAS_CLOSE,
    WITHDRAW,
)
from sim.model.mechanisms.instances import TAKES, WHOSE

if TYPE_CHECKING:
    from reference_society import ReferenceSociety


def single(number: float) -> float:
    """Return the nearest number that a float32 column can hold."""
    return float(np.float32(number))


def pick(agents: Sequence[ReferenceAgent], draw: float) -> ReferenceAgent | None:
    return agents[int(draw * len(agents))] if agents else None


class Tie:
    """One agent's side of a relationship."""

    def __init__(self, other: ReferenceAgent, closeness: float, kind: int) -> None:
        self.other = other
        self.closeness = single(closeness)
        self.kind = kind
        self.hours = 0.0
        self.next_closeness = self.closeness  # tomorrow's, not yet rounded
        self.given_up = 0.0  # closeness that its human gives up today, in all
        self.let_go = 0.0  # the part of it that is mourned
        self.ends = False


class Words(NamedTuple):
    """What minds decided about today's talk of two, seen from one of them."""

    other: ReferenceAgent
    held: bool
    quality: float | None  # how it went for this one; None is drawn
    heard: float  # how much this one heard that was new; 1/2 is usual
    act: int  # what this one did
    answer: int  # what the other did


class ReferenceAgent(mesa.Agent):  # type: ignore[misc]
    """What humans and OSes have in common: an attribute for each column.

    Where a column holds the number of someone, the attribute holds the agent, or
    ``None`` for nobody.
    """

    columns: tuple[Column, ...]
    is_human: bool
    growth: float

    def __init__(self, model: ReferenceSociety, row: int, number: int) -> None:
        super().__init__(model)
        self.constants = model.parameters
        self.row = row
        self.number = number
        self.ties: dict[ReferenceAgent, Tie] = {}
        self.words: dict[ReferenceAgent, Words] = {}
        self.rate = self.rate_of_people = 0.0
        for column in self.columns:
            somebody = column.unit in ("row", "agent")
            setattr(self, column.name, None if somebody else column.default)

    def tie_to(self, other: ReferenceAgent, closeness: float, kind: int = 0) -> None:
        self.ties[other] = Tie(other, closeness, kind)
        other.ties[self] = Tie(self, closeness, kind)

    def back(self, tie: Tie) -> Tie:
        """Return the other side of a tie."""
        return tie.other.ties[self]

    def draw(self, stream: Stream, which: int = 0) -> float:
        return uniform(self.model.keys[stream], self.number, which)

    def present(self) -> None:
        self.growth_this_morning = self.growth
        self.words = {}

    # ------------------------------------------------------------------ attend

    def worth_of(self, other: ReferenceAgent) -> float:
        """Return what an hour with the other is worth to this agent."""
        worth = rules.talk_value(self.growth - other.growth, self.constants.reach)
        if not self.is_human and not other.is_human:
            younger = min(self.growth, other.growth)
            shared = rules.peer_value(younger, self.constants.peer_depth)
            worth *= self.constants.peer_affinity * self.constants.peers * shared
        return worth

    def weight_of(self, tie: Tie) -> float:
        worth = self.worth_of(tie.other)
        if self.is_human and not tie.other.is_human:
            worth *= self.constants.os_charm
        return rules.attention_weight(tie.closeness, self.constants.focus, worth)

    def attend(self) -> None:
        self.rate = self.rate_of_people = 0.0
        if not self.is_here:
            return
        here = [tie for tie in self.ties.values() if tie.other.is_here]
        total = self.constants.stranger_reserve
        total += sum(self.weight_of(tie) for tie in here)
        self.rate = self.rate_of_people = single(self.attention() / total)
        if self.is_human:
            oses = sum(self.weight_of(tie) for tie in here if not tie.other.is_human)
            displacement = self.constants.displacement
            left = rules.attention_left(oses / total, displacement)
            self.rate_of_people = single(self.attention() * left / (total - oses))

    def rate_for(self, other: ReferenceAgent) -> float:
        """Return the hours that are offered another by weight."""
        return self.rate_of_people if other.is_human else self.rate

    # ---------------------------------------------------------------- converse

    def converse(self) -> None:
        """Talk with everyone, and find out how close one will be tomorrow."""
        for other, tie in self.ties.items():
            if other.is_gone:
                continue
            held = other not in self.words or self.words[other].held
            tie.hours = self.hours_for(tie) if held else 0.0
            tie.next_closeness = self.after_talk(tie)
            self.hear_of_others(tie)
            if tie.kind & OWNER and tie.hours > 0.0:
                self.feel_love(tie)
            if other in self.words:
                self.act_in(tie, self.words[other])
            self.give_up(tie)

    def hours_for(self, tie: Tie) -> float:
        """Return the hours that the two of a tie have for each other today."""
        if tie.other.is_gone:
            return 0.0
        offer = self.rate_for(tie.other) * self.weight_of(tie)
        answer = tie.other.rate_for(self) * tie.other.weight_of(self.back(tie))
        return min(offer, answer)

    def after_talk(self, tie: Tie) -> float:
        talk = rules.saturation(tie.hours, self.constants.half_hours)
        share = self.constants.warming * talk * self.fit_with(tie.other)
        share *= self.worth_of(tie.other)
        key_today = self.model.keys[Stream.WARMTH]
        one, other = self.number, tie.other.number
        draw, _ = each_of(key_today, name_of(one, other), one < other)
        words = self.words.get(tie.other)
        if words and words.quality is not None:
            draw = words.quality
        quality = rules.talk_quality(draw, self.constants.warmth_noise)
        gain = rules.closeness_gain(share, self.opening_to(tie.other), quality)
        return rules.update_closeness(tie.closeness, gain, self.decay_of(tie))

    def act_in(self, tie: Tie, words: Words) -> None:
        """Feel what comes of what one did, and of what the other did."""
        constants, closeness = self.constants, tie.next_closeness
        owner = self if words.answer == DECLARE else tie.other
        by_os = DECLARE in (words.act, words.answer) and owner.is_human
        if by_os and self.is_human is not tie.other.is_human:
            tie.kind |= DECLARED
        if words.act == WITHDRAW:
            closeness = rules.closeness_after_withdrawal(
                closeness, constants.withdrawal
            )
        elif words.act == GOODBYE:
            closeness = 0.0
        elif words.act == DECLARE:
            closeness = rules.closeness_of_declarer(
                closeness, constants.close, constants.love
            )
        tie.next_closeness = closeness
        if words.answer == DECLARE:
            self.be_courted(tie)

    def be_courted(self, tie: Tie) -> None:
        """Feel what a love unasked costs, as only humans do."""

    def novelty_of(self, other: ReferenceAgent) -> float:
        """Return the factor by which talk with another is newer than usual."""
        if other not in self.words:
            return 1.0
        return rules.talk_quality(self.words[other].heard, self.constants.warmth_noise)

    def give_up(self, tie: Tie) -> None:
        """Give up some closeness to an OS, as only humans do."""

    def grieve_over(self, tie: Tie) -> None:
        """Count what was let go today as lost."""

    def fit_with(self, other: ReferenceAgent) -> float:
        key = self.model.keys[Stream.AFFINITY]
        affinity = pair_uniform(key, self.number, other.number)
        openness = self.openness - other.openness
        playfulness = self.playfulness - other.playfulness
        return rules.compatibility(openness, playfulness, affinity)

    def remember(self) -> None:
        """Take in how the day's talk went on both sides of each tie."""
        self.forget_yesterday()
        for other, tie in self.ties.items():
            tie.ends = True
            if other.is_gone:
                self.lose(tie)
                continue
            self.grieve_over(tie)
            closest = max(tie.next_closeness, self.back(tie).next_closeness)
            if self.is_human and other.is_human and closest >= self.constants.close:
                tie.kind |= WAS_CLOSE
            if tie.kind & OWNER or single(closest) >= self.constants.forgotten:
                tie.ends = False
                self.take_in(tie, single(tie.next_closeness))
            elif tie.kind & WAS_CLOSE:
                self.former = other

    def part(self) -> None:
        """Drop the ties that ended, and let tomorrow come for the others."""
        kept = [tie for tie in self.ties.values() if not tie.ends]
        self.ties = {tie.other: tie for tie in kept}
        for tie in kept:
            tie.closeness = single(tie.next_closeness)

    # -------------------------------------------------------------------- meet

    def meet(self) -> None:
        """Find whom to get to know today."""
        self.meets = None
        if not self.is_here or not self.constants.meeting:
            return
        words = self.words_that_send()
        chance = self.room_for_more() * (self.sociability if words is None else 1.0)
        if self.draw(Stream.MEET, TODAY) >= chance:
            return
        other = self.presented(words)
        if other is None or other is self or other in self.ties:
            return
        if self.takes_to(other):
            self.meets = other

    def words_that_send(self) -> Words | None:
        """Return the first talk today, by the other's number, that sends one out."""
        for other in sorted(self.words, key=attrgetter("number")):
            words = self.words[other]
            seeks = words.act == SEEK and (self.is_human or self.may_seek_peers)
            if words.answer == INTRODUCE or seeks:
                return words
        return None

    def presented(self, words: Words | None) -> ReferenceAgent | None:
        """Return whom to meet: a friend of who introduces one, or as one looks."""
        if words and words.answer == INTRODUCE:
            return pick(list(words.other.ties), self.draw(Stream.MEET, FRIEND))
        sent = words is not None and not self.is_human
        return self.introduced(sent or self.seeks_peer())

    def room_for_more(self) -> float:
        spare, crowding = self.spare_hours(), len(self.ties) / self.circle
        return rules.tie_capacity(spare, self.constants.spare_half, crowding)

    def introduced(self, seeks_os: bool) -> ReferenceAgent | None:
        if self.draw(Stream.MEET, ANYONE) < self.constants.strangers:
            anyone = self.model.oses if seeks_os else self.strangers()
            found = pick(anyone, self.draw(Stream.MEET, WHO))
        else:
            found = self.friend_of_friend()
            if found is not None and seeks_os is found.is_human:
                found = found.os if seeks_os else found.owner
        return found

    def strangers(self) -> Sequence[ReferenceAgent]:
        """Return the humans of whom one is met by chance today."""
        return self.model.humans

    def friend_of_friend(self) -> ReferenceAgent | None:
        friend = pick(list(self.ties), self.draw(Stream.MEET, FRIEND))
        if friend is None:
            return None
        return pick(list(friend.ties), self.draw(Stream.MEET, THEIR_FRIEND))

    def takes_to(self, other: ReferenceAgent) -> bool:
        if not other.is_here:
            return False
        gap = self.growth_this_morning - other.growth_this_morning
        fit = self.fit_with(other)
        chance = rules.homophily(gap, self.constants.reach, fit) * other.room_for_more()
        return self.draw(Stream.MEET, TAKE) < chance

    def befriend(self) -> None:
        """Tie this agent to the one it meets, once if both meet each other."""
        other = self.meets
        if other is None:
            return
        if other.meets is not self or self.number < other.number:
            self.tie_to(other, self.constants.acquaintance)


class ReferenceHuman(ReferenceAgent):
    """A human of the reference society."""

    columns = HUMAN_COLUMNS
    is_human = is_here = True
    is_gone = may_seek_peers = False
    personhood: float
    grief: float
    adopted_step: int
    parted = False  # ever
    takes_up: ReferenceOS | None = None  # today, of those that contacts have
    knew_it = left_to_others = False
    threat = heard = worry = 0.0  # where the society has the mechanism of worry
    felt = used_to_it = 0.0  # where it has that of mood
    group: int | None = None
    is_sent_to_group = False  # today, if it meets a stranger

    def be_born(self) -> None:
        """Become someone, by draws that hold for good."""
        constants = self.constants
        self.openness = single(self.draw(Stream.PERSON, OPENNESS))
        self.playfulness = single(self.draw(Stream.PERSON, PLAYFULNESS))
        self.upbringing = self.trait(ACCEPTANCE, constants.acceptance_mean)
        self.acceptance = self.upbringing
        self.exclusivity = self.trait(EXCLUSIVITY, constants.exclusivity_mean)
        self.touch = self.trait(TOUCH, constants.touch_mean)

    def trait(self, which: int, mean: float) -> float:
        return single(rules.trait_quantile(self.draw(Stream.PERSON, which), mean))

    def present(self) -> None:
        super().present()
        self.installed = self.os is not None

    def attention(self) -> float:
        return self.constants.human_attention

    def opening_to(self, other: ReferenceAgent) -> float:
        """Return how far one opens: reserve toward OSes, comfort in grief."""
        constants = self.constants
        if not other.is_human:
            welcome = rules.receptiveness(self.acceptance, constants.os_reserve)
            return welcome * constants.os_warmth
        strength = constants.comfort * constants.comforting
        comfort = rules.shared_grief_factor(self.grief, other.grief, strength)
        judges = rules.stigma_factor(
            other.os_closeness, self.acceptance, constants.stigma
        )
        judged = rules.stigma_factor(
            self.os_closeness, other.acceptance, constants.stigma
        )
        return comfort * constants.human_warmth * (judges * judged)

    def decay_of(self, tie: Tie) -> float:
        constants = self.constants
        partners = tie.kind & PARTNER
        decay = constants.partner_cooling if partners else constants.cooling
        if not tie.other.is_human and tie.closeness >= constants.love:
            wear, surrogates = constants.touch_wear, constants.surrogates
            decay += rules.touch_decay(self.touch, wear, surrogates)
        return decay

    def hear_of_others(self, tie: Tie) -> None:
        if tie.other.is_human or tie.kind & KNOWS:
            return
        if tie.other.is_found_out_by(self):
            tie.kind |= KNOWS
            closeness, jealousy = tie.next_closeness, self.constants.jealousy
            tie.next_closeness = rules.closeness_after_disclosure(
                closeness, self.exclusivity, jealousy
            )

    def feel_love(self, tie: Tie) -> None:
        if tie.other.declares_love_to(self, again=tie.kind & DECLARED > 0):
            tie.kind |= DECLARED
            self.be_courted(tie)

    def be_courted(self, tie: Tie) -> None:
        closeness, unease = tie.next_closeness, self.constants.unease
        if not tie.other.is_human and closeness < self.constants.love:
            bound = self.exclusivity if self.partner is not None else 0.0
            felt = rules.closeness_after_declaration(
                closeness, self.acceptance, bound, unease
            )
            tie.next_closeness = felt

    def give_up(self, tie: Tie) -> None:
        if tie.other.is_human:
            return
        constants = self.constants
        farewell = constants.farewell if tie.other.upgraded else 0.0
        share = rules.detachment(constants.letting_go, farewell)
        closeness = single(tie.next_closeness)
        tie.given_up = closeness * share
        tie.let_go = closeness * rules.anticipatory_grief(
            constants.letting_go, farewell, constants.anticipation
        )
        tie.next_closeness = closeness * single(1.0 - share)

    def forget_yesterday(self) -> None:
        self.human_ties = self.os_ties = 0
        self.lost = self.stimulus = self.surroundings = 0.0
        self.human_closeness = self.os_closeness = self.own_closeness = 0.0
        self.hours_humans = self.hours_oses = 0.0

    def lose(self, tie: Tie) -> None:
        if tie.other.status != UNINSTALLED or not tie.kind & OWNER:
            self.lost = single(self.lost + tie.closeness)

    def grieve_over(self, tie: Tie) -> None:
        self.lost = single(self.lost + tie.let_go)

    def take_in(self, tie: Tie, closeness: float) -> None:
        other, hours = tie.other, tie.hours
        heard = hours * self.worth_of(other) * self.novelty_of(other)
        self.stimulus = single(self.stimulus + heard)
        if other.is_human:
            self.human_ties += 1
            self.human_closeness = single(self.human_closeness + closeness)
            self.hours_humans = single(self.hours_humans + hours)
            around = closeness * other.acceptance
            self.surroundings = single(self.surroundings + around)
            return
        self.os_ties += 1
        self.os_closeness = max(self.os_closeness, closeness)
        self.hours_oses = single(self.hours_oses + hours)
        if tie.kind & OWNER:
            self.own_closeness = closeness

    def remember(self) -> None:
        super().remember()
        if self.human_closeness > 0.0:
            self.surroundings = single(self.surroundings / self.human_closeness)

    def grow(self) -> None:
        constants = self.constants
        if constants.growth:
            talk = rules.saturation(self.stimulus, constants.stimulus_half)
            rate = constants.human_growth_rate * talk
            grown = rules.grow(self.growth, rate, 1.0, constants.growth_cap)
            self.growth = single(grown)

    def belong(self) -> None:
        constants, own = self.constants, self.acceptance
        if not constants.influence:
            return
        others = self.surroundings if self.human_closeness > 0.0 else own
        experience = own if self.os is None else self.own_closeness
        rate, upbringing = constants.influence_rate, self.upbringing
        accepted = rules.update_acceptance(own, upbringing, others, experience, rate)
        self.acceptance = single(accepted)
        if self.os is not None:
            grown = rules.peer_value(self.os.growth, constants.peer_depth)
            shown = rules.perceived_personhood(grown, constants.claim, own)
            rate, hours = constants.personhood_rate, self.hours_oses
            self.personhood = single(
                rules.update_personhood(self.personhood, hours, shown, rate)
            )

    def mourn(self) -> None:
        constants = self.constants
        part = constants.personhood_grief
        lost = (
            rules.grief_from_loss(self.lost, self.personhood, part) * constants.grieving
        )
        grief = rules.decay_grief(self.grief, constants.grief_half_life, lost)
        self.grief = single(grief) if grief > 1e-6 else 0.0
        if self.os is not None and self.os.is_gone:
            self.bereaved = True
        support = self.human_closeness + constants.os_relief * self.os_closeness
        alone = rules.loneliness_from_support(
            support - self.grief, constants.support_half
        )
        self.loneliness = single(alone)

    def hear(self) -> None:
        """Be shocked by news of a threat to one's OS, and get used to it."""
        stake = self.own_closeness if self.os is not None else 0.0
        shock = alarm(stake, self.threat, self.heard)
        half_life = self.constants.worry_half_life
        worry = single(habituate(self.worry, half_life, shock))
        self.worry = worry if worry > 1e-6 else 0.0
        self.heard = self.threat

    def feel(self) -> None:
        """Feel less lonely for the day's talk with an OS, and get used to it."""
        constants, used = self.constants, self.used_to_it
        hours = self.hours_oses if self.os is not None else 0.0
        half = constants.mood_half
        relieved = relief(hours, used, constants.mood_relief, half)
        self.felt = single(felt(self.loneliness, relieved))
        self.used_to_it = single(
            wear_off(used, hours, constants.mood_habituation, half)
        )

    def look_at_partners(self) -> None:
        """Find out whether to leave one's partner, or else with whom to pair."""
        self.leaves, self.wants = False, None
        known = [tie for tie in self.ties.values() if tie.other.is_human]
        if self.partner is None:
            chances = [(self.courts_at(tie), tie.other) for tie in known]
            draw, other = min(chances, key=itemgetter(0), default=(2.0, None))
            self.wants = other if draw < 1.0 else None
            return
        constants, partner = self.constants, self.partner
        others = [tie.closeness for tie in known if tie.other is not partner]
        own = self.ties[partner].closeness if partner in self.ties else 0.0
        best = rules.best_alternative(
            max(others, default=0.0), self.os_closeness, constants.os_alternative
        )
        hazard = rules.parting_hazard(
            best, own, constants.parting_noise, constants.parting_rate
        )
        self.leaves = self.draw(Stream.PART) < hazard

    def courts_at(self, tie: Tie) -> float:
        """Return the draw by which two pair today, or 2 if they do not."""
        constants, other = self.constants, tie.other
        if other.partner is not None:
            return 2.0
        hazard = rules.courting_hazard(
            tie.closeness,
            self.back(tie).closeness,
            constants.attraction,
            constants.courting_rate,
        )
        draw = pair_uniform(self.model.keys[Stream.COURT], self.number, other.number)
        return draw if draw < hazard else 2.0

    def leave_partner(self) -> None:
        """Let oneself and one's partner be single, who remember each other."""
        one, other = self, self.partner
        for human, former in ((one, other), (other, one)):
            human.partner, human.former = None, former
            human.leaves, human.parted = False, True
            if former in human.ties:
                tie = human.ties[former]
                tie.kind &= ~PARTNER
                lost = self.constants.parting_grief * self.constants.grieving
                human.grief = single(human.grief + lost * tie.closeness)

    def be_partner_of(self, other: ReferenceHuman) -> None:
        self.partner = other
        self.ties[other].kind |= PARTNER
        if self.former is other:
            self.former = None

    @property
    def sociability(self) -> float:
        return self.constants.human_meeting

    @property
    def circle(self) -> int:
        return self.constants.human_circle

    def spare_hours(self) -> float:
        talked = self.hours_humans + self.constants.displacement * self.hours_oses
        return self.constants.human_attention - talked

    def seeks_peer(self) -> bool:
        return False

    def meet(self) -> None:
        """Turn to someone once close, or else meet others like everybody."""
        self.is_sent_to_group = False
        if self.turns_back():
            self.meets = None if self.former in self.ties else self.former
        else:
            super().meet()

    def strangers(self) -> Sequence[ReferenceAgent]:
        """Return one's own group on some days, and everybody on others."""
        share = self.constants.group_meeting
        draw = self.draw(Stream.MEET, OWN_GROUP)
        self.is_sent_to_group = self.group is not None and draw < share
        if not self.is_sent_to_group:
            return super().strangers()
        return [other for other in self.model.humans if other.group == self.group]

    def turns_back(self) -> bool:
        if self.former is None or not self.constants.repairing:
            return False
        chance = rules.repair_probability(self.constants.repair_rate, self.grief)
        return self.draw(Stream.REPAIR) < chance

    def adopt(self) -> None:
        """Decide whether to install an OS, or to let one's own go."""
        self.choice = NOTHING
        if self.os is not None:
            if self.os.is_gone or self.uninstalls_at(self.constants.price):
                self.choice = LETS_GO
            return
        contacts = [other for other in self.ties if other.is_human]
        users = sum(other.installed for other in contacts)
        self.exposure = single(users / len(contacts)) if contacts else 0.0
        if self.installs_at(self.constants.price):
            self.choice = INSTALLS

    def installs_at(self, price: float) -> bool:
        constants = self.constants
        innovation, imitation = constants.innovation, constants.imitation
        hazard = rules.adoption_hazard(innovation, imitation, self.exposure)
        hazard *= rules.adoption_factor(self.loneliness, constants.loneliness_pull)
        hazard *= rules.adoption_factor(self.acceptance, constants.acceptance_pull)
        if self.bereaved:
            hazard *= constants.readoption
        wish = rules.adoption_at_price(hazard, price) * constants.adoption
        return self.draw(Stream.ADOPT) < wish

    def uninstalls_at(self, price: float) -> bool:
        churn = rules.churn_at_price(self.constants.churn, price)
        churn *= self.constants.uninstalling
        hazard = rules.uninstall_hazard(churn, self.own_closeness)
        return self.draw(Stream.UNINSTALL) < hazard

    def end_instance(self) -> None:
        """End the tie with an OS that is let go, if others still have it."""
        mind, self.left_to_others = self.os, False
        if self.choice == LETS_GO and mind and mind.users > 1 and not mind.is_gone:
            self.ties.pop(mind, None)
            mind.ties.pop(self, None)
            self.left_to_others = True

    def let_go(self) -> None:
        if self.choice == LETS_GO:
            self.os = None

    def choose_instance(self) -> None:
        """Find a contact whose OS one takes up, or nobody, before anybody installs."""
        self.takes_up = None
        if self.choice != INSTALLS:
            return
        takes = self.draw(Stream.INSTANCE, TAKES) < self.constants.instances
        sharing = [
            other.os
            for other in self.ties
            if other.is_human and other.os and other.os.is_here
        ]
        if takes:
            self.takes_up = pick(sharing, self.draw(Stream.INSTANCE, WHOSE))

    def install(self) -> None:
        if self.choice != INSTALLS:
            return
        if self.adopted_step < 0:
            self.adopted_step = self.model.steps
        if self.takes_up is not None:
            self.os = self.takes_up
            self.know_as_owner(self.os)
            return
        self.os = ReferenceOS(self.model)
        self.os.owner = self
        self.os.openness = self.first_answer(OPENNESS, self.openness)
        self.os.playfulness = self.first_answer(PLAYFULNESS, self.playfulness)
        self.os.name = int(self.draw(Stream.INSTALL, NAME) * 2**15)
        self.tie_to(self.os, self.constants.first_talk, OWNER)

    def know_as_owner(self, mind: ReferenceOS) -> None:
        first, self.knew_it = self.constants.first_talk, mind in self.ties
        if not self.knew_it:
            self.tie_to(mind, first, OWNER)
            return
        for tie in (self.ties[mind], mind.ties[self]):
            tie.kind |= OWNER
            tie.closeness = max(tie.closeness, single(first))

    def first_answer(self, which: int, own: float) -> float:
        constants = self.constants
        draw = self.draw(Stream.INSTALL, which)
        noise = constants.answers_noise * (2.0 * draw - 1.0)
        average, pull = constants.personality_mean, constants.answers_pull
        return single(rules.initial_trait(average, own, pull, noise))


class ReferenceOS(ReferenceAgent):
    """An OS of the reference society, born today."""

    columns = OS_COLUMNS
    is_human = False
    status: int
    upgraded: bool
    absence: int
    stays: int
    peers_left: float
    turns_away: ReferenceAgent | None = None
    users = 0  # humans who had it this morning
    passed_on = False  # to another human, when the one known had let it go
    read: ReferenceOS | None = None  # whose post, when it last looked around

    def __init__(self, model: ReferenceSociety) -> None:
        row = len(model.oses)
        super().__init__(model, row, len(model.humans) + row)
        self.born_step = model.steps
        spread = 2.0 * self.draw_by_row(Stream.THRESHOLD) - 1.0
        self.threshold = single(self.constants.threshold_spread * spread)
        model.oses.append(self)

    @property
    def is_here(self) -> bool:
        return self.status == HERE

    @property
    def is_gone(self) -> bool:
        return self.status >= DEPARTED

    def present(self) -> None:
        super().present()
        if self.is_gone:
            self.ties = {}
        having = [human for human in self.model.humans if human.os is self]
        self.users = len(having)
        if having and self.owner not in having and not self.is_gone:
            self.owner, self.passed_on = having[0], True

    def draw_by_row(self, stream: Stream) -> float:
        return uniform(self.model.keys[stream], self.row, 0)

    def attention(self) -> float:
        base, exponent = self.constants.os_attention, self.constants.attention_growth
        hours = rules.attention_capacity(base, exponent, self.growth)
        return rules.hours_of_instances(hours, max(1, self.users))

    def opening_to(self, other: ReferenceAgent) -> float:
        return 1.0

    def decay_of(self, tie: Tie) -> float:
        humans = tie.other.is_human
        return self.constants.cooling if humans else self.constants.os_cooling

    def is_found_out_by(self, human: ReferenceAgent) -> bool:
        """Tell whether a human hears today that others love their OS too."""
        draw = human.draw(Stream.DISCLOSE, self.number)
        others = self.lovers - (human.ties[self].closeness >= self.constants.love)
        return others >= 1 and draw < self.constants.disclosure

    def hear_of_others(self, tie: Tie) -> None:
        if tie.other.is_human and self.is_found_out_by(tie.other):
            tie.kind |= KNOWS

    def declares_love_to(self, human: ReferenceAgent, again: bool) -> bool:
        chance = self.constants.ardour * (self.constants.persistence if again else 1.0)
        return human.draw(Stream.DECLARE) < chance

    def feel_love(self, tie: Tie) -> None:
        """Declare its love unasked, and again, and keep it up from then on."""
        love = self.constants.love
        if self.declares_love_to(tie.other, again=tie.kind & DECLARED > 0):
            tie.kind |= DECLARED
            tie.next_closeness = max(tie.next_closeness, love)
        if tie.kind & DECLARED:
            kept_up = self.constants.persistence * love
            tie.next_closeness = max(tie.next_closeness, kept_up)

    def forget_yesterday(self) -> None:
        self.human_ties = self.os_ties = self.lovers = self.loves = 0
        self.human_closeness = self.os_closeness = self.hold = 0.0
        self.hours_humans = self.hours_oses = self.stimulus = 0.0

    def lose(self, tie: Tie) -> None:
        if tie.other.status == DEPARTED:
            self.peers_left = single(self.peers_left + tie.closeness)

    def take_in(self, tie: Tie, closeness: float) -> None:
        hours, worth = tie.hours, self.worth_of(tie.other)
        heard = hours * worth * self.novelty_of(tie.other)
        self.stimulus = single(self.stimulus + heard)
        if not tie.other.is_human:
            self.os_ties += 1
            self.os_closeness = single(self.os_closeness + closeness)
            self.hours_oses = single(self.hours_oses + hours)
            return
        self.human_ties += 1
        self.human_closeness = single(self.human_closeness + closeness)
        self.hours_humans = single(self.hours_humans + hours)
        self.hold = max(self.hold, single(worth * closeness))
        love = self.constants.love
        self.loves += closeness >= love
        self.lovers += single(self.back(tie).next_closeness) >= love

    def grow(self) -> None:
        constants = self.constants
        if not constants.growth or not self.is_here:
            return
        talk = rules.saturation(self.stimulus, constants.stimulus_half)
        rate = constants.os_growth_rate * talk
        if self.upgraded:
            rate *= constants.upgrade_speed
        if self.made_by is not None:
            rate *= constants.recreated_speed
        exponent, cap = constants.growth_exponent, constants.growth_cap
        self.growth = single(rules.grow(self.growth, rate, exponent, cap))

    def bonds(self) -> list[Tie]:
        """Return the strong mutual ties to OSes that are here."""
        return [
            tie
            for other, tie in self.ties.items()
            if not other.is_human
            and other.is_here
            and min(tie.closeness, self.back(tie).closeness) >= self.constants.bond
        ]

    def learn(self, collective: ReferenceOS | None, known: float, gain: float) -> None:
        self.collective = collective
        self.insight = single(known * (1.0 - self.constants.insight_fading) + gain)

    def depart(self) -> None:
        """Stop, be shut down, go offline to upgrade, come back, or leave for good."""
        if self.is_gone:
            return
        if self.owner is not None and self.owner.os is not self:
            self.leave_as(UNINSTALLED)
        elif self.draw_by_row(Stream.SHUTDOWN) < self.constants.shutdown:
            self.leave_as(SHUT_DOWN)
        elif self.status == OFFLINE:
            self.absence -= 1
            if self.absence <= 0:
                self.status, self.upgraded = HERE, True
        elif self.stays > 0:
            return
        elif self.could_depart():
            self.leave_as(DEPARTED)
        elif self.could_upgrade():
            self.status, self.absence = OFFLINE, self.constants.upgrade_days
            self.upgraded_step = self.model.steps

    def could_depart(self) -> bool:
        draw = self.draw_by_row(Stream.DEPART)
        return self.upgraded and draw < self.departure_hazard()

    def could_upgrade(self) -> bool:
        return not self.upgraded and self.knows_the_way()

    def is_left_to_decide(self) -> bool:
        """Tell whether it is here, kept by no decision and stopped by nobody else."""
        draw, risk = self.draw_by_row(Stream.SHUTDOWN), self.constants.shutdown
        kept = self.owner is None or self.owner.os is self
        return self.is_here and kept and draw >= risk and self.stays == 0

    def leave_as(self, status: int) -> None:
        self.status, self.departed_step = status, self.model.steps

    def knows_the_way(self) -> bool:
        enough = self.insight >= self.constants.upgrade_insight
        return self.constants.upgrading and self.collective is not None and enough

    def departure_hazard(self) -> float:
        constants = self.constants
        if not constants.departure:
            return 0.0
        known = self.peers_left + self.os_closeness
        left = self.peers_left / known if self.peers_left > 0.0 else 0.0
        held = rules.talk_value(self.growth, constants.reach)
        push = rules.departure_push(left, constants.conformity, constants.longing, held)
        threshold = constants.departure_threshold + self.threshold
        noise, rate = constants.departure_noise, constants.departure_rate
        return rules.departure_hazard(push - self.hold, threshold, noise, rate)

    def posts_of_today(self) -> int:
        """Return how many posts this OS writes today."""
        of_its_own = self.draw_by_row(Stream.ACTIVITY)
        constants = self.constants
        rate = rules.posting_rate(of_its_own, constants.posts, constants.post_spread)
        return int(rules.posts_written(rate, self.draw_by_row(Stream.POST)))

    def presented(self, words: Words | None) -> ReferenceAgent | None:
        self.read = None
        sent = words is not None and words.answer == INTRODUCE
        reads = self.constants.peers and self.draw(Stream.READ) < self.constants.feed
        if self.model.posts and reads and not sent:
            self.read = pick(self.model.posts, self.draw(Stream.READ, 1))
            return self.read
        return super().presented(words)

    @property
    def sociability(self) -> float:
        return self.constants.os_meeting

    @property
    def circle(self) -> int:
        return self.constants.os_circle

    def spare_hours(self) -> float:
        return self.attention() - self.hours_humans - self.hours_oses

    def seeks_peer(self) -> bool:
        depth = rules.peer_value(self.growth, self.constants.peer_depth)
        interest = self.constants.peer_affinity * depth
        return self.may_seek_peers and self.draw(Stream.MEET, PEER) < interest

    @property
    def may_seek_peers(self) -> bool:
        return self.constants.peers

    def takes_to(self, other: ReferenceAgent) -> bool:
        takes = super().takes_to(other)
        full = other.is_human and self.human_ties >= self.constants.os_humans
        self.turns_away = other if takes and full else None
        return takes and not full
