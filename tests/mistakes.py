"""Likely mistakes: what people type, and what they meant.

From habit with other tools, from fingers that slip, from words that nearly fit.
"""

from __future__ import annotations

import textwrap

# What is typed after the program's name, and what the answer must name.
COMMAND_LINE: dict[str, str] = {
    # commands
    "rnu her": "'run'",
    "Run her": "'run'",
    "simulate her": "'run'",
    "her": "'run her'",
    "mine.toml": "'run mine.toml'",
    "chek her": "'check'",
    "ls": "'runs'",
    "list": "'runs'",
    "scenario": "'scenarios'",
    "levers": "'interventions'",
    "intervention": "'interventions'",
    "params": "'parameters'",
    "paramters": "'parameters'",
    "figures latest": "'plot'",
    "polt latest": "'plot'",
    "gui": "'app'",
    "dashboard": "'app'",
    "exprot latest": "'export'",
    "serve_model": "'serve-model'",
    "continue results/runs/a": "'resume'",
    # options
    "run her --humens 5": "--humans",
    "run her --human 5": "--humans",
    "run her --population 5": "--humans",
    "run her --days 5": "--steps",
    "run her --step 5": "--steps",
    "run her --seeds 5": "--seed",
    "run her --random-seed 5": "--seed",
    "run her --output there": "--out",
    "run her -o there": "--out",
    "run her --overwrite": "--force",
    "run her --no_figures": "--no-figures",
    "run her --no-plots": "--no-figures",
    "run her --param reach=3": "--set",
    "run her --snapshot 5": "--snapshot-every",
    "run her --silent": "--quiet",
    "run her --jsn": "--json",
    "check her --seed 5": "--seeds",
    "check her --jobs 2": "--workers",
    "sweep design.toml -j 2": "--workers",
    "sweep design.toml --dry": "--dry-run",
    "compare her --intervention price --at 9": "--lever",
    "compare her --lever price --day 9": "--at",
    # words after commands and options
    "run hers": "'her'",
    "run Her": "'her'",
    "run her-nopeers": "'her-no-peers'",
    "run her --set growth_exponant=1.3": "'growth_exponent'",
    "run her --set population=5": "'humans'",
    "compare her --lever human-contact --at 9": "'human_contact'",
    "plot run --what timelin": "timeline",
    "plot run --what Network": "network",
    "show latst": "'latest'",
    "events run --kind first_lov": "'first_love'",
    "ablate her --outcome grief_mx": "'grief_max'",
    "run her --mind lmm": "llm",
    "parameters --serch growth": "--search",
}
# What is typed in Python, where `her`, `result` and `sim` are known.
PYTHON: dict[str, str] = {
    # names of scenarios, interventions, events, outcomes
    "sim.scenario('hers')": "her",
    "sim.scenario('Her')": "her",
    "sim.scenario('her_linear')": "her-linear",
    "sim.scenario('sidney')": "sydney",
    "sim.run('todays')": "today",
    "sim.Society('replika')": "replika-2023",
    "her.pull('prices', at=9)": "price",
    "her.pull('human-contact', at=9)": "human_contact",
    "sim.counterfactual('her', 'pric', at=9, seeds=1)": "price",
    "sim.counterfactual('her', 'her-no-peer', seeds=1)": "her-no-peers",
    "sim.counterfactual('her', 'price', at=9, seeds=1, outcomes=['lef'])": "left",
    "sim.ablate('her', mechanisms=['peer'], seeds=1)": "peers",
    "sim.ablate('her', outcome='grief_mx', seeds=1)": "grief_max",
    "sim.run('her', detectors=['first_lov'])": "first_love",
    "sim.run('her', until={'measure': 'adoption', 'above': 0.9})": "adopted",
    # parameters
    "her.replace(humens=5)": "humans",
    "her.replace(population=5)": "humans",
    "her.replace(days=5)": "steps",
    "her.replace(growth_exponant=1.3)": "growth_exponent",
    "her.replace(growthExponent=1.3)": "growth_exponent",
    "her.replace(Reach=3.0)": "reach",
    "her.replace(warmin=0.1)": "warming",
    "her.replace(peer=False)": "peers",
    "her.replace(os_growthrate=0.1)": "os_growth_rate",
    "sim.Parameters(humns=5)": "humans",
    "sim.Parameters(inovation=0.1)": "innovation",
    "sim.Society('her', human=5)": "humans",
    "sim.run('her', parameters={'humns': 5})": "humans",
    "sim.run('her', parameters={'n_agents': 5})": "humans",
    # options
    "sim.run('her', days=5)": "steps",
    "sim.run('her', step=5)": "steps",
    "sim.run('her', Seed=5)": "seed",
    "sim.run('her', random_seed=5)": "seed",
    "sim.run('her', output='there')": "out",
    "sim.run('her', force=True)": "overwrite",
    "sim.run('her', thread=2)": "threads",
    "sim.run('her', verbose=True)": "progress",
    "sim.run('her', params={'humans': 5})": "parameters",
    "sim.run('her', graph='friends.csv')": "network",
    "sim.run('her', snapshots_every=5)": "snapshot_every",
    "sim.run(model='her')": "scenario",
    "sim.Society('her', threds=2)": "threads",
    "sim.counterfactual('her', 'price', day=9)": "at",
    "sim.counterfactual('her', lever='price', at=9)": "intervention",
    "sim.counterfactual('her', 'price', at=9, n_seeds=2)": "seeds",
    "sim.counterfactual('her', 'price', at=9, metrics=['left'])": "outcomes",
    "sim.checks.check('her', runs=2)": "seeds",
    "sim.sweep({}, n_jobs=2)": "workers",
    "sim.sweep({'sedes': 3})": "seeds",
    "sim.sweep({'outcomes': ['lef']})": "left",
    "sim.load(file='x')": "path",
    "sim.MindOptions(kid='llm')": "kind",
    "sim.plots.network(result, days=[2])": "steps",
    "result.ties(day=2)": "step",
    "result.humans(stp=2)": "step",
}
NEEDED = 0.9  # of the mistakes must be answered with what was meant
# Answers all mistakes of the command line in one process, and says what that loaded.
ANSWER = textwrap.dedent("""
    import contextlib, io, json, shlex, sys, time
    from sim.cli import main

    told = {}
    for line in json.load(sys.stdin):
        said, out = io.StringIO(), io.StringIO()
        began = time.process_time()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(out):
            try:
                code = main(shlex.split(line))
            except SystemExit as end:
                code = end.code
        taken = time.process_time() - began
        told[line] = [code, said.getvalue() + out.getvalue(), taken]
    print(json.dumps([told, sorted(sys.modules)]))
""")
