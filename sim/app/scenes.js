/* The picture of the live page: one view or two, of societies that go on or of stored
   runs. It follows `view.js`, of which it uses the views; what it is told to do comes
   from `view.py`, in order. */

class Scenes {
  constructor(model, box) {
    this.model = model;
    this.box = box;
    this.views = [];
    this.runs = [];
    this.linking = false;
    this.order = Promise.resolve();
    this.told = { at: 0 };
    window.scenes = this;
  }

  /** Do what is asked for, after all that was asked for before. */
  take(message) {
    this.order = this.order
      .then(() => this[`do_${message.do}`](message))
      .catch((error) => {
        console.error(error);
        this.model.send_msg({ wrong: `The picture cannot be drawn: ${error.message}` });
      });
  }

  homeOf(scene) {
    while (this.box.children.length <= scene) {
      const home = document.createElement("div");
      home.className = "osv-home";
      this.box.append(home);
    }
    return this.box.children[scene];
  }

  options(scene, label) {
    return {
      label,
      heading: "h2",
      day: undefined,
      theme: document.documentElement.dataset.theme,
      besides: this.besides,
      address: scene === 0,
      onpick: (agent) => {
        if (!this.linking) this.model.send_msg({ pick: agent, scene: this.at(scene) });
      },
      onplay: () => this.model.send_msg({ toggle: true }),
      onday: (day) => this.linked(scene, day),
      onlayout: (name) => this.turned(scene, name),
      ontheme: (name) => this.themed(name),
    };
  }

  /** Return which scene a view shows that was made for one: the first may be gone. */
  at(scene) {
    return Math.min(scene, this.views.length - 1);
  }

  unmount(scene) {
    this.views[scene]?.destroy();
    this.views[scene] = undefined;
  }

  /** Show so many scenes; of those that stay, nothing changes. */
  do_only({ scenes }) {
    for (let at = this.views.length - 1; at >= scenes; at--) {
      this.unmount(at);
      this.box.children[at]?.remove();
    }
    this.views.length = Math.min(this.views.length, scenes);
    this.runs.length = Math.min(this.runs.length, scenes);
    this.box.classList.toggle("osv-two", scenes > 1);
    this.ghosts();
  }

  /** Begin with a society that goes on; its days follow. */
  async do_live({ scene, packed, label }) {
    const run = new GrowingRun(await unpack(packed));
    this.unmount(scene);
    this.runs[scene] = run;
    this.label = label;
  }

  async do_day({ scene, packed, seconds, label }) {
    this.runs[scene].add(await unpack(packed));
    if (this.views[scene]) this.views[scene].grown(seconds);
    else this.mount(scene, label);
    this.ghosts();
  }

  mount(scene, label) {
    const run = this.runs[scene];
    const options = { ...this.options(scene, label), day: run.last };
    this.views[scene] = mountGrowing(this.homeOf(scene), run, options);
  }

  async do_stored({ scene, packed, label }) {
    const run = new Run(await unpack(packed));
    this.unmount(scene);
    this.runs[scene] = run;
    this.views[scene] = new View(this.homeOf(scene), run, this.options(scene, label));
    this.ghosts();
  }

  /** Go on with a copy of the first society beside it. */
  do_branch({ labels }) {
    this.runs[1] = this.runs[0].copy();
    this.box.classList.add("osv-two");
    const layout = this.views[0].layout;
    labels.forEach((label, scene) => {
      this.unmount(scene);
      this.mount(scene, label);
      this.views[scene].turn(layout);
    });
    this.ghosts();
  }

  do_keep({ which, label }) {
    const run = this.runs[which];
    this.do_only({ scenes: 1 });
    this.unmount(0);
    this.runs[0] = run;
    this.mount(0, label);
  }

  do_address({ query }) {
    history.replaceState(null, "", `?${query}${location.hash}`);
  }

  do_focus({ scene, agent }) {
    const view = this.views[scene],
      { run } = view;
    const all = Array.from({ length: run.H + run.O }, (_, at) => at);
    this.linking = true;
    view.choose(all.find((at) => run.number(at) === agent) ?? -1);
    this.linking = false;
  }

  /** Say that all that was asked for before has been drawn. */
  do_frame({ frame }) {
    const drawn = () => this.model.send_msg({ drawn: frame });
    if (document.hidden) setTimeout(drawn, 250);
    else requestAnimationFrame(drawn);
  }

  ghosts() {
    const [first, second] = this.views;
    if (first?.ghost) first.besides(null);
    if (second && first && second.ghost !== first.run) {
      second.options.besides = first.named.textContent;
      second.besides(first.run);
    }
  }

  linked(scene, day) {
    if (this.linking) return;
    this.linking = true;
    for (const view of this.views)
      if (view && view !== this.views[this.at(scene)]) view.go(day, false);
    this.linking = false;
    clearTimeout(this.told.timer);
    const wait = Math.max(0, 250 - (performance.now() - this.told.at));
    this.told.timer = setTimeout(() => {
      this.told.at = performance.now();
      this.model.send_msg({ day: Math.round(this.views[0]?.day ?? day) });
    }, wait);
  }

  turned(scene, name) {
    if (this.linking) return;
    this.linking = true;
    for (const view of this.views) view?.turn(name);
    this.linking = false;
    if (name === "force") this.model.send_msg({ forces: true });
  }

  themed(name) {
    document.documentElement.dataset.theme = name;
    for (const view of this.views)
      if (view && view.root.dataset.theme !== name) view.theme(name);
  }
}

/** Let who reads with a screen reader jump to the part of the page that holds a box. */
function beMain(box) {
  let at = box;
  while (at && at.getRootNode() !== document) at = at.getRootNode().host;
  at?.closest("[data-root-id]")?.setAttribute("role", "main");
}

export function render({ model }) {
  const box = document.createElement("div");
  box.className = "osv-scenes";
  const scenes = new Scenes(model, box);
  model.on("msg:custom", (message) => scenes.take(message));
  model.send_msg({ ready: true });
  requestAnimationFrame(() => beMain(box));
  return box;
}
