"""Mesa's view of the society: agents that are rows, sets that are arrays."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import statistics
import sys
import warnings
from operator import attrgetter

import mesa
import numpy as np
import pandas as pd
import pytest
from mesa.agent import AgentSet

from sim.model.columns import (
    DEPARTED,
    HUMAN_COLUMNS,
    KNOWS,
    OFFLINE,
    OS_COLUMNS,
    OWNER,
    PARTNER,
    STATUS,
    UNINSTALLED,
)
from sim.model.state import State
from sim.society.agents import OS, AgentRegistry, AgentView, Human
from sim.society.agentset import ColumnAgentSet
from sim.utils.errors import InputError
from sim.utils.names import OS_NAMES


class Village(AgentRegistry, mesa.Model):
    """A society small enough to check by hand; nothing happens in it by itself."""

    def __init__(self, humans=5, oses=3, *, rng=None):
        super().__init__(rng=rng)
        self.calendar = 40
        self.state = State(humans)
        self.state.humans.loneliness[:] = np.linspace(0, 1, humans)
        self.state.humans.growth[:] = 0.25
        self.state.humans.bereaved[:] = np.arange(humans) % 2
        OS.create_agents(self, oses, owner=range(oses), growth=[3, 1, 2][:oses])
        self.datacollector = mesa.DataCollector(
            model_reporters={"agents": _count_agents},
            agent_reporters={"growth": attrgetter("growth")},  # can be pickled
            agenttype_reporters={Human: {"loneliness": attrgetter("loneliness")}},
        )

    def step(self):
        self.calendar += 1
        self.state.humans.loneliness *= 0.5
        self.datacollector.collect(self)
        self.running = self.calendar < 43


def _count_agents(model):
    return len(model.agents)


@pytest.fixture
def village():
    return Village(rng=1)


@pytest.fixture
def human(village):
    return village.view(0)


@pytest.fixture
def helper(village):
    return village.view(5)


def numbers(agents):
    return [agent.number for agent in agents]


class TestViews:
    def test_an_agent_is_a_number_and_mesa_counts_from_one(self, village):
        assert [village.view(k).number for k in range(8)] == list(range(8))
        assert [agent.unique_id for agent in village.agents] == list(range(1, 9))
        assert isinstance(village.view(4), Human)
        assert isinstance(village.view(5), OS) and village.view(5).row == 0

    def test_there_is_no_agent_beyond_the_last(self, village):
        with pytest.raises(InputError, match="no agent 8; agents are 0 to 7"):
            village.view(8)

    def test_columns_are_python_scalars(self, human, helper):
        assert type(human.loneliness) is float
        assert type(human.os) is int and human.os == 0
        assert type(helper.status) is int and type(helper.growth) is float

    @pytest.mark.parametrize(
        ("agent_type", "columns"), [(Human, HUMAN_COLUMNS), (OS, OS_COLUMNS)]
    )
    def test_every_column_is_documented_by_its_declaration(self, agent_type, columns):
        for column in columns:
            text = inspect.getdoc(inspect.getattr_static(agent_type, column.name))
            assert column.meaning in text and column.unit in text

    def test_no_column_hides_a_helper(self):
        ours = ["number", "ties", "table", "is_living", "own_os", "companion"]
        ours += ["owned_by", "full_name", "status_name", *dir(mesa.Agent)]
        assert not {c.name for c in (*HUMAN_COLUMNS, *OS_COLUMNS)} & set(ours)

    def test_writing_an_attribute_writes_the_column(self, village, human):
        human.loneliness = 0.75
        assert village.state.humans.loneliness[0] == 0.75

    def test_unknown_attributes_are_refused_with_the_nearest(self, human):
        with pytest.raises(AttributeError, match="did you mean 'loneliness'"):
            print(human.lonelyness)
        with pytest.raises(AttributeError, match="no column 'mood'; views keep"):
            human.mood = 3
        assert getattr(human, "status", None) is None

    @pytest.mark.parametrize("value", ["high", None, float("nan")])
    def test_only_numbers_can_be_written(self, human, value):
        with pytest.raises(InputError):
            human.loneliness = value

    @pytest.mark.parametrize(
        ("number", "name", "value"),
        [(0, "os", 3), (0, "partner", 5), (0, "meets", 8), (5, "owner", -2)],
    )
    def test_no_row_can_be_named_that_does_not_exist(
        self, village, number, name, value
    ):
        with pytest.raises(InputError, match=f"{name} must be from -1 to"):
            setattr(village.view(number), name, value)

    def test_a_status_is_one_of_five(self, helper):
        helper.status = OFFLINE
        assert helper.status_name == "offline"
        with pytest.raises(InputError, match="status must be from 0 to 4"):
            helper.status = len(STATUS)

    def test_views_are_equal_by_what_they_name(self, village, human):
        assert human == village.view(0) and human is not village.view(0)
        assert human != village.view(1) and human != village.view(5)
        assert human != Village(rng=1).view(0)
        assert len({village.view(0), village.view(0), village.view(5)}) == 2

    def test_they_can_be_told_apart_when_printed(self, village, helper):
        helper.name = len(OS_NAMES) + 1
        assert repr(village.view(2)) == "<Human 2>"
        assert repr(helper) == f"<OS 5 {OS_NAMES[1]!r} here>"

    def test_the_names_are_many_and_different(self):
        assert len(set(OS_NAMES)) == len(OS_NAMES) >= 55

    def test_other_agents_are_reached_as_agents(self, village):
        first, second = village.view(0), village.view(1)
        first.partner = 1
        assert first.companion == second and second.companion is None
        assert first.own_os == village.view(5)
        assert first.own_os.owned_by == first
        assert village.view(4).own_os is None

    def test_ties_are_seen_from_one_side(self, village):
        pairs = np.array([[0, 1], [0, 5]], np.int32)
        kinds = np.array([PARTNER | KNOWS, OWNER], np.uint8)
        village.state.ties.insert(pairs, np.array([0.75, 0.25]), kinds)
        to_partner, to_os = village.view(0).ties
        assert to_partner.agent == village.view(1)
        assert to_partner.closeness == to_partner.returned == 0.75
        assert to_os.agent == village.view(5) and to_os.kind == OWNER
        assert village.view(5).ties[0].agent == village.view(0)
        assert village.view(3).ties == []

    @pytest.mark.parametrize(
        "duplicate", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
    )
    def test_views_and_sets_travel_with_their_model(self, village, duplicate):
        those = village.agents.select(at_most=2)
        model, view, kept = duplicate((village, village.view(5), those))
        assert view.model is model is not village and kept.model is model
        assert view == model.view(5) and kept.to_list() == [
            model.view(0),
            model.view(1),
        ]
        view.growth = 9
        assert village.view(5).growth == 3 and model.view(5).growth == 9

    def test_a_copied_society_grows_without_forgetting(self, village):
        other = copy.deepcopy(village)
        other.view(5).growth = 9
        other.view(0).os = -1
        OS.create_agents(other, 50)
        assert other.view(5).growth == 9 and other.view(0).os == -1
        assert len(village.agents) == 8

    def test_a_copied_view_is_the_same_agent(self, human):
        assert copy.copy(human) == human


class TestComingAndGoing:
    def test_a_new_os_is_dated_and_appended(self, village):
        new = OS(village, growth=2.5, owner=4)
        assert new == village.view(8) and new.growth == 2.5
        assert new.born_step == 40 and new.owned_by.own_os == new

    def test_many_are_made_at_once_from_columns(self, village):
        new = OS.create_agents(village, 3, growth=[1, 2, 3], openness=0.5)
        assert new.get("growth") == [1, 2, 3] and new.get("openness") == [0.5] * 3
        assert len(village.agents) == 11

    def test_or_from_a_data_frame(self, village):
        frame = pd.DataFrame({"growth": [4.0, 5.0], "name": [1, 2]})
        new = OS.from_dataframe(village, frame, openness=0.25)
        assert new.get(["growth", "name", "openness"]) == [[4, 1, 0.25], [5, 2, 0.25]]

    @pytest.mark.parametrize(
        ("columns", "error", "text"),
        [
            ({"growht": 1}, TypeError, "did you mean 'growth'"),
            ({"growth": [1, 2, 3]}, InputError, r"not \[3\] values for 2 agents"),
            ({"growth": "much"}, InputError, "growth is a number"),
            ({"owner": [4, 5]}, InputError, "owner must be from -1 to 4"),
            ({"owner": [0, 4]}, InputError, "without an OS so far"),
            ({"owner": 4}, InputError, "another human"),
        ],
    )
    def test_wrong_columns_create_nothing(self, village, columns, error, text):
        with pytest.raises(error, match=text):
            OS.create_agents(village, 2, **columns)
        assert village.state.oses.n == 3 and village.state.humans.os[4] == -1

    def test_a_number_of_agents_is_not_negative(self, village):
        with pytest.raises(InputError, match="cannot create -1"):
            OS.create_agents(village, -1)

    def test_columns_are_given_by_name(self, village):
        with pytest.raises(TypeError, match="by keyword"):
            OS.create_agents(village, 2, 0.5)

    def test_removing_an_os_uninstalls_it(self, village, human, helper):
        helper.remove()
        assert helper.status == UNINSTALLED and human.os == -1
        assert helper not in village.agents and len(village.agents) == 7
        helper.remove()
        with pytest.raises(KeyError):
            village.deregister_agent(helper)

    def test_a_departed_os_stays_departed(self, village, helper):
        helper.status = DEPARTED
        helper.remove()
        assert helper.status == DEPARTED and not helper.is_living

    def test_humans_neither_come_nor_go(self, village, human):
        for create in (Human, lambda model: Human.create_agents(model, 2)):
            with pytest.raises(TypeError, match="humans cannot be created"):
                create(village)
        with pytest.raises(TypeError, match="humans cannot be removed"):
            human.remove()

    def test_only_its_own_kinds_of_agents_live_in_a_society(self, village, helper):
        with pytest.raises(TypeError, match="cannot register"):
            mesa.Agent(village)
        with pytest.raises(TypeError, match="cannot register"):
            village.register_agent(helper)

    def test_a_model_can_have_its_own_kind_of_os(self):
        class Shy(OS):
            def hide(self):
                self.openness = 0

        class ShyVillage(Village):
            os_type = Shy

        village = ShyVillage(oses=2)
        Shy(village, openness=1)
        village.agents.select(agent_type=OS).do("hide")
        assert village.agents_by_type[Shy].get("openness") == [0, 0, 0]
        with pytest.raises(TypeError, match="makes Shy"):
            OS(village)
        with pytest.raises(TypeError, match="makes OS"):
            Shy.create_agents(Village(), 2)

    def test_all_can_be_removed(self, village):
        village.state.ties.insert(
            np.array([[0, 1]], np.int32), np.ones(1), np.zeros(1, np.uint8)
        )
        village.remove_all_agents()
        assert len(village.agents) == 0 and village.agents.to_list() == []
        assert village.agents_by_type == {} and village.agent_types == []
        assert village.state.ties.half_edges == 0

    @pytest.mark.skipif(not hasattr(mesa.Model, "observe"), reason="mesa before 3.5")
    def test_observers_hear_of_births_and_removals(self, village, helper):
        heard = []

        def listen(message):
            heard.append((str(message.signal_type), *message.additional_kwargs["args"]))

        village.observe("agents", "agent_added", listen)
        village.observe("agents", "agent_removed", listen)
        new = OS(village)
        helper.remove()
        assert heard == [("agent_added", new), ("agent_removed", helper)]


class Plain(mesa.Agent):
    """An ordinary Mesa agent with the same attributes."""

    def __init__(self, model, like):
        super().__init__(model)
        self.like = like
        for name in ("growth", "loneliness", "bereaved", "status"):
            if hasattr(like, name):
                setattr(self, name, getattr(like, name))


class PlainHuman(Plain):
    pass


class PlainOS(Plain):
    pass


def without_order(groups):
    return {name: sorted(ids(group)) for name, group in groups}


def ids(agents):
    return [agent.unique_id for agent in agents]


OF_A_SET = {
    "len": len,
    "ids": ids,
    "first": lambda a: ids(list(a)[:2]),
    "get": lambda a: a.get("growth"),
    "get several": lambda a: a.get(["growth", "unique_id"]),
    "get none": lambda a: a.get([]),
    "get with default": lambda a: a.get("status", "default", default_value=7),
    "get several with default": lambda a: a.get(["status", "growth"], "default"),
    "select": lambda a: ids(a.select(lambda agent: agent.growth > 1)),
    "select two": lambda a: ids(a.select(lambda agent: agent.growth < 2, at_most=2)),
    "select a share": lambda a: ids(a.select(at_most=0.5)),
    "select one": lambda a: ids(a.select(at_most=1)),
    "select all of it": lambda a: ids(a.select(at_most=1.0)),
    "select none": lambda a: ids(a.select(at_most=0)),
    "sort": lambda a: ids(a.sort("growth")),
    "sort up": lambda a: ids(a.sort("growth", ascending=True)),
    "sort by a function": lambda a: ids(a.sort(lambda agent: -agent.growth)),
    "sort by a path": lambda a: ids(a.sort("model.steps")),
    "sort flags": lambda a: ids(a.select(by_human).sort("bereaved")),
    "agg": lambda a: a.agg("growth", sum),
    "agg several": lambda a: a.agg("growth", [min, max, len, np.mean, np.std]),
    "agg any function": lambda a: a.agg("growth", statistics.median),
    "agg as a list": lambda a: a.agg("growth", lambda values: values and values[-1]),
    "groupby": lambda a: without_order(a.groupby("growth")),
    "groupby lists": lambda a: without_order(a.groupby("growth", result_type="list")),
    "groupby a function": lambda a: without_order(a.groupby(by_human)),
    "groups in order": lambda a: [
        name for name, _ in a.sort("growth").groupby("growth")
    ],
    "count": lambda a: a.groupby("growth").count(),
    "groupby agg": lambda a: a.groupby("growth").agg("unique_id", sum),
    "groupby agg lists": lambda a: a.groupby("growth", "list").agg("unique_id", max),
    "groupby map": lambda a: a.groupby("growth").map(len),
    "groupby map a method": lambda a: a.groupby(by_human).map("get", "growth"),
    "map": lambda a: a.map(lambda agent, more: agent.growth + more, more=1),
    "map a method": lambda a: a.map("step"),
    "do": lambda a: ids(a.do(lambda agent: setattr(agent, "growth", agent.growth * 2))),
    "set": lambda a: a.set("growth", 5).get("growth"),
    "shuffle": lambda a: sorted(ids(a.shuffle())),
    "shuffle_do": lambda a: ids(a.shuffle_do("step")),
    "copy": lambda a: ids(copy.copy(a)),
    "union": lambda a: sorted(ids(a.select(at_most=2) | a.select(at_most=1))),
    "difference": lambda a: ids(a.select(at_most=3) - a.select(at_most=1)),
    "intersection": lambda a: ids(a.select(at_most=3) & a.select(at_most=1)),
    "equality": lambda a: a.select(at_most=3) == a.sort("growth").select(at_most=3),
}
WRONG = {
    "get an unknown name": (lambda a: a.get("mood"), AttributeError),
    "get in an unknown way": (lambda a: a.get("growth", "guess"), ValueError),
    "sort by an unknown name": (lambda a: a.sort("mood"), AttributeError),
    "group by an unknown name": (lambda a: a.groupby("mood"), AttributeError),
    "min of nothing": (lambda a: a.select(at_most=0).agg("growth", min), ValueError),
}


def by_human(agent):
    return not hasattr(agent, "status")


@pytest.mark.parametrize("members", ["all", "humans", "oses", "some"])
class TestASetAnswersAsMesasOwn:
    """The contract: whatever Mesa's own set of ordinary agents says, ours says too."""

    @pytest.fixture
    def both(self, village, members):
        plain = mesa.Model()
        village.view(6).growth = 3
        made = [
            (PlainHuman if isinstance(agent, Human) else PlainOS)(plain, agent)
            for agent in village.agents
        ]
        theirs = AgentSet(made, random=plain.random)
        if members == "all":
            return village.agents, theirs, made
        if members == "some":
            odd = village.agents.select(lambda agent: agent.number % 2)
            return odd, theirs.select(lambda agent: agent.unique_id % 2 == 0), made
        mine = Human if members == "humans" else OS
        kind = PlainHuman if members == "humans" else PlainOS
        return village.agents_by_type[mine], theirs.select(agent_type=kind), made

    @pytest.mark.parametrize("question", OF_A_SET)
    def test_same_answer(self, both, question):
        ours, theirs, _keep = both
        answer = OF_A_SET[question]
        assert answer(ours) == answer(theirs)

    @pytest.mark.parametrize("mistake", WRONG)
    def test_same_error(self, both, mistake):
        ours, theirs, _keep = both
        call, error = WRONG[mistake]
        for agents in (ours, theirs):
            with pytest.raises(error):
                call(agents)

    @pytest.mark.parametrize("how", ["select", "sort", "shuffle"])
    def test_inplace_changes_the_set(self, both, how):
        ours, theirs, _keep = both
        for agents in (ours.copy(), theirs):
            args = (lambda agent: agent.growth > 1,) if how == "select" else ()
            args = ("growth",) if how == "sort" else args
            changed = getattr(agents, how)(*args, inplace=True)
            assert changed is agents
        kept = ours.select(lambda agent: agent.growth > 1) if how == "select" else ours
        assert len(changed) == len(kept)


class TestSets:
    def test_mesas_own_kind_of_set(self, village):
        assert isinstance(village.agents, AgentSet)
        assert village.agent_types == [Human, OS]

    def test_the_societys_own_set_follows_births_and_removals(self, village, helper):
        everyone, snapshot = village.agents, village.agents.copy()
        OS(village)
        assert len(everyone) == 9 and len(snapshot) == 8
        helper.remove()
        assert len(everyone) == 8 and len(snapshot) == 7

    @pytest.mark.parametrize("edit", ["add", "discard", "remove"])
    def test_and_cannot_be_edited(self, village, human, edit):
        with pytest.raises(TypeError, match=r"edit a copy\(\)"):
            getattr(village.agents, edit)(human)

    def test_offline_oses_belong_departed_ones_do_not(self, village):
        village.state.oses.status[:] = [OFFLINE, DEPARTED, UNINSTALLED]
        assert numbers(village.agents) == [0, 1, 2, 3, 4, 5]
        assert village.view(5) in village.agents
        assert village.view(6) not in village.agents

    def test_a_subset_can_be_edited(self, village):
        first, second, last = village.view(0), village.view(1), village.view(7)
        some = village.subset([second, first, second])
        some.add(last)
        some.add(first)
        assert some.to_list() == [second, first, last]
        some.discard(village.view(3))
        some.remove(second)
        with pytest.raises(KeyError):
            some.remove(second)
        assert some.to_list() == [first, last] and second not in some
        some.clear()
        assert len(some) == 0

    def test_python_edits_sets_in_place_too(self, village):
        some = village.agents.select(at_most=2)
        some |= village.agents.select(agent_type=OS)
        some -= village.subset([village.view(0)])
        assert numbers(some) == [1, 5, 6, 7]
        assert some.pop() == village.view(1)

    def test_agents_of_another_society_do_not_belong(self, village):
        stranger = Village().view(0)
        assert stranger not in village.agents and "Ada" not in village.agents
        with pytest.raises(InputError, match="no agent of this society"):
            village.subset([stranger])

    def test_a_subset_outlives_its_views(self, village):
        some = village.subset([village.view(3), village.view(6)])
        gc.collect()
        assert numbers(some) == [3, 6]

    def test_indexing_and_slicing(self, village):
        oses = village.agents_by_type[OS]
        assert oses[-1] == village.view(7) and oses[np.int64(0)] == village.view(5)
        assert oses[1:] == [village.view(6), village.view(7)]
        assert village.agents.index(village.view(6)) == 6
        with pytest.raises(IndexError):
            oses[3]

    def test_a_column_is_an_array_in_the_order_of_the_set(self, village):
        mixed = village.subset([village.view(k) for k in (6, 0, 5)])
        assert mixed.column("growth").tolist() == [1.0, 0.25, 3.0]
        assert mixed.column("growth").dtype == np.float32
        assert mixed.column("unique_id").tolist() == [7, 1, 6]
        with pytest.raises(AttributeError, match="Human has no column 'status'"):
            mixed.column("status")
        with pytest.raises(AttributeError, match="OS has no column 'os'"):
            mixed.column("os")

    def test_a_column_is_a_copy(self, village):
        village.agents_by_type[Human].column("loneliness")[:] = 9
        assert village.view(0).loneliness == 0

    def test_where_asks_whole_columns(self, village):
        grown = village.agents.select(where=lambda columns: columns.growth >= 2)
        assert numbers(grown) == [5, 7]
        lonely = village.agents.select(
            agent_type=Human, where=lambda humans: humans.loneliness > 0.3, at_most=2
        )
        assert numbers(lonely) == [2, 3]

    def test_where_must_say_yes_or_no_of_each(self, village):
        with pytest.raises(InputError, match=r"bool\[8\].*not float32\[8\]"):
            village.agents.select(where=lambda columns: columns.growth)
        with pytest.raises(AttributeError, match="did you mean 'growth'"):
            village.agents.select(where=lambda columns: columns.grwth > 1)

    def test_set_takes_one_value_or_one_each(self, village):
        mixed = village.agents.select(lambda agent: agent.number in (1, 6))
        assert mixed.set("growth", [0.5, 0.75]).get("growth") == [0.5, 0.75]
        assert village.state.oses.growth.tolist() == [3, 0.75, 2]
        with pytest.raises(InputError, match=r"\(3,\) for 2 agents"):
            mixed.set("growth", [1, 2, 3])
        with pytest.raises(AttributeError, match="views keep nothing"):
            mixed.set("mood", 1)
        with pytest.raises(InputError, match="owner must be from -1 to 4"):
            village.agents_by_type[OS].set("owner", 5)

    def test_get_reads_properties_too(self, village):
        assert village.agents_by_type[OS].get("status_name") == ["here"] * 3

    def test_equals_keep_their_order_both_ways(self, village):
        humans = village.agents_by_type[Human]
        assert numbers(humans.sort("bereaved")) == [1, 3, 0, 2, 4]
        assert numbers(humans.sort("bereaved", ascending=True)) == [0, 2, 4, 1, 3]

    def test_a_mixed_set_is_shuffled_across_types(self):
        village = Village(humans=40, oses=3, rng=2)
        OS.create_agents(village, 37)
        order = numbers(village.agents.shuffle())
        assert sorted(order) == list(range(80))
        assert 5 < sum(number >= 40 for number in order[:40]) < 35

    def test_the_order_comes_from_mesas_random(self):
        orders = [numbers(Village(rng=seed).agents.shuffle()) for seed in (1, 1, 2)]
        assert orders[0] == orders[1] != orders[2]

    def test_agents_removed_on_the_way_are_passed_over(self, village):
        seen = []

        def remove_the_next(agent):
            seen.append(agent.number)
            village.view(6).remove()

        village.agents_by_type[OS].do(remove_the_next)
        assert seen == [5, 7]

    def test_groups_aggregate_columns_with_several_functions(self, village):
        groups = village.agents.groupby(type)
        assert groups.agg("growth", [min, max]) == {Human: [0.25, 0.25], OS: [1, 3]}

    def test_an_empty_set_has_no_groups_and_no_values(self, village):
        nobody = village.agents.select(at_most=0)
        assert len(nobody.groupby("growth")) == 0
        assert nobody.get("anything") == [] and nobody.agg("growth", sum) == 0
        assert nobody.column("growth").tolist() == []
        assert nobody.set("growth", 1) is nobody

    def test_it_says_what_it_is(self, village):
        assert repr(village.agents) == "<ColumnAgentSet of 8 agents>"


class TestMesaTools:
    def test_data_collector(self, village):
        village.step()
        village.step()
        collector = village.datacollector
        by_agent = collector.get_agent_vars_dataframe()
        humans = collector.get_agenttype_vars_dataframe(Human)
        assert collector.get_model_vars_dataframe()["agents"].tolist() == [8, 8]
        assert by_agent["growth"].tolist() == [0.25] * 5 + [3, 1, 2] + [0.25] * 5 + [
            *(3, 1, 2)
        ]
        assert humans["loneliness"].tolist()[5:] == [0, 0.0625, 0.125, 0.1875, 0.25]

    def test_data_collector_of_a_type_that_is_gone(self, village):
        collector = mesa.DataCollector(agenttype_reporters={OS: {"growth": "growth"}})
        collector.collect(village)
        village.agents_by_type[OS].do("remove")
        village.step()
        collector.collect(village)
        frame = collector.get_agenttype_vars_dataframe(OS)
        assert frame["growth"].tolist() == [3, 1, 2]

    def test_batch_run(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = mesa.batch_run(
                Village,
                parameters={"humans": [4, 6]},
                number_processes=1,
                display_progress=False,
            )
        frame = pd.DataFrame(rows).groupby("humans")
        assert frame["agents"].max().to_dict() == {4: 7, 6: 9}
        assert frame["AgentID"].max().to_dict() == {4: 7, 6: 9}

    def test_run_model(self, village):
        village.run_model()
        assert village.calendar == 43


class TestNothingIsKept:
    def views_of(self, model):
        gc.collect()
        # By type: isinstance would ask a dead weak proxy for its class, which raises.
        views = [it for it in gc.get_objects() if issubclass(type(it), AgentView)]
        return [view for view in views if view.model is model]

    def test_a_large_society_has_no_agent_objects(self, monkeypatch):
        made = []
        monkeypatch.setattr(AgentView, "at", classmethod(lambda *it: made.append(it)))
        village = Village(humans=10**5)
        village.agents.select(where=lambda columns: columns.growth > 1).sort("growth")
        village.agents.set("growth", 1).agg("growth", sum)
        village.agents_by_type[Human].groupby("bereaved").agg("loneliness", np.mean)
        assert made == []

    def test_views_are_gone_after_use(self, village):
        assert len(village.agents.map(lambda agent: agent.growth)) == 8
        village.agents.sort(lambda agent: agent.growth).do("step")
        assert self.views_of(village) == []
        kept = village.view(0)
        assert self.views_of(village) == [kept]

    def test_a_set_is_as_large_as_its_numbers(self):
        village = Village(humans=10**4)
        some = village.agents.select(where=lambda columns: columns.growth < 1)
        assert isinstance(some, ColumnAgentSet)
        assert some.numbers.nbytes == 8 * 10**4
        assert sys.getsizeof(some) < 100
