/* The view of a run: people on the ground, OSes above their owners as high as the
   share of their talk that is with OSes. Canvas 2D, no dependency; `mount` is the door.
   What is read is what `packing.py` writes. */

const FORMAT = 1;
const OFFLINE = 1;
const DEPARTED = 2;
const RISE = 22; // days in which an OS that departs rises out of the picture
const FADE = 8; // days in which one fades that is uninstalled or shut down
const GRIEVES = 0.3; // closeness lost and not mourned, from which it shows
const MANY = 5000; // agents from which each is a dot of some pixels
const MOST_TIES = 2400; // of a kind, that are drawn
const LEAST_TIES = 250; // that are drawn while playing, however late frames come
const FRAME = 1000 / 60; // milliseconds
const SPARED = 25; // milliseconds from one frame of many agents to the next
const MORPH = 700; // milliseconds from one layout to another
const KEPT = 6; // frames for which ties among people are kept while days go by
const PHASES = 4; // of a pixel, across and down, in which a disc is drawn beforehand
const CURVED = 200; // milliseconds from one painting of the curves to another
const SPOKEN = 50; // milliseconds from words to words, of a run that goes on
const SPEEDS = [5, 10, 20, 40, 80];
const LAYOUTS = [
  [
    "sky",
    "Ground and sky",
    "An OS stands as high as the share of its talk that is with OSes",
  ],
  [
    "force",
    "Forces",
    "OSes are drawn together by their ties, and back by their owners",
  ],
  ["map", "Map", "Communities as towns; OSes above their owners"],
];
const CURVES = [
  ["love", "In love", "--love"],
  ["turning", "OS talk with OSes", "--joined"],
  ["left", "OSes that left", "--left"],
  ["grief", "Grief", "--grief"],
  ["closeness", "Closeness among people", "--person"],
];

// ---------------------------------------------------------------------------- reading

const TYPES = {
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
};

/** Return the bytes that a base64 text stands for. */
export function bytesOf(text) {
  const letters = atob(text.trim());
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** Return a packed run as a header and typed arrays. */
export async function unpack(bytes) {
  const stream = new Blob([bytes]).stream();
  const inflated = stream.pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(inflated).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const words = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const header = JSON.parse(words);
  if (header.format !== FORMAT) throw new Error(`format ${header.format} is unknown`);
  const arrays = {};
  for (const { name, type, shape, at, differences } of header.arrays) {
    const count = shape.reduce((a, b) => a * b, 1);
    const values = new TYPES[type](buffer, 4 + length + at, count);
    if (differences) summed(values, shape[shape.length - 1]);
    arrays[name] = values;
  }
  return { header, arrays };
}

/** Turn differences along rows into values, modulo their type. */
function summed(values, row) {
  for (let start = 0; start < values.length; start += row)
    for (let i = start + 1; i < start + row; i++) values[i] += values[i - 1];
}

/** Return a number between 0 and 1 that is always the same for a whole number. */
function hash(n) {
  let x = Math.imul(n ^ 0x9e3779b9, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 4294967296;
}

/** A run as the view asks for it: what holds on a day that lies between snapshots. */
export class Run {
  constructor({ header, arrays }) {
    this.header = header;
    this.a = arrays;
    this.frames = header.frames;
    this.F = this.frames.length;
    this.H = arrays.human_number.length;
    this.O = arrays.os_number.length;
    this.first = this.frames[0];
    const days = arrays.days;
    this.last = Math.max(
      this.frames[this.F - 1],
      days.length ? days[days.length - 1] : 0,
    );
    this.end = this.last; // of the axis
    const love = Math.floor(header.love * header.steps + 1e-6);
    this.loveStep = Math.max(1, love);
    this.love = (header.love / header.scales.os_closeness) * 255 - 0.5;
    this.grieves = (GRIEVES / header.scales.grief) * 255;
    this.kinds = this.sortTies();
    this.active = new Map();
    this.listed = null;
  }

  get neighbours() {
    this.listed ??= this.listNeighbours();
    return this.listed;
  }

  /** Return the frame before a day, and how far the next one is come. */
  at(day) {
    let k = 0,
      end = this.frames.length - 1;
    while (k < end) {
      const middle = (k + end + 1) >> 1;
      if (this.frames[middle] <= day) k = middle;
      else end = middle - 1;
    }
    if (k === this.frames.length - 1) return [k, k, 0];
    const span = this.frames[k + 1] - this.frames[k];
    return [k, k + 1, (day - this.frames[k]) / span];
  }

  value(name, row, [k, next, u]) {
    const column = this.a[name],
      at = row * this.F;
    const raw = column[at + k] + (column[at + next] - column[at + k]) * u;
    return (raw / 255) * this.header.scales[name];
  }

  /** Return the ties of each kind, in an order in which the first are a fair sample. */
  sortTies() {
    const { tie_from: from, tie_to: to } = this.a;
    const kinds = { people: [], mixed: [], oses: [] };
    for (let e = 0; e < from.length; e++)
      kinds[to[e] < this.H ? "people" : from[e] < this.H ? "mixed" : "oses"].push(e);
    const mixed = new Float64Array(from.length);
    for (let e = 0; e < mixed.length; e++) mixed[e] = hash(from[e] * 7919 + to[e]);
    for (const name in kinds)
      kinds[name] = Int32Array.from(kinds[name].sort((a, b) => mixed[a] - mixed[b]));
    return kinds;
  }

  /** Return ties of a kind that hold in a frame or the next, as many as can be drawn;
   of mixed, loves. */
  ties(kind, k) {
    const key = `${kind}${k}`;
    let found = this.active.get(key);
    if (found) return found;
    const c = this.a.tie_closeness,
      F = this.F,
      next = Math.min(k + 1, this.frames.length - 1);
    const least = kind === "mixed" ? this.loveStep : 1;
    const all = this.kinds[kind],
      some = new Int32Array(Math.min(all.length, MOST_TIES));
    let count = 0;
    for (let i = 0; i < all.length && count < some.length; i++) {
      const at = all[i] * F;
      if (c[at + k] >= least || c[at + next] >= least) some[count++] = all[i];
    }
    found = some.subarray(0, count);
    if (this.active.size > 60) this.active.clear();
    this.active.set(key, found);
    return found;
  }

  /** Return the ties of every agent as rows: where each begins, and which they are. */
  listNeighbours() {
    const { tie_from: from, tie_to: to } = this.a;
    const start = new Uint32Array(this.H + this.O + 1);
    for (let e = 0; e < from.length; e++) {
      start[from[e] + 1]++;
      start[to[e] + 1]++;
    }
    for (let i = 1; i < start.length; i++) start[i] += start[i - 1];
    const at = start.slice(),
      ties = new Uint32Array(2 * from.length);
    for (let e = 0; e < from.length; e++) {
      ties[at[from[e]]++] = e;
      ties[at[to[e]]++] = e;
    }
    return { start, ties };
  }

  /** Return the ties of an agent that hold on a day: [tie, other, closeness 0..1]. */
  tiesOf(agent, [k, next, u]) {
    const { start, ties } = this.neighbours,
      { tie_from, tie_to, tie_closeness: c } = this.a;
    const found = [];
    for (let i = start[agent]; i < start[agent + 1]; i++) {
      const e = ties[i],
        one = c[e * this.F + k],
        other = c[e * this.F + next];
      const closeness = (one + (other - one) * u) / this.header.steps;
      const held = u < 0.5 ? one : other;
      if (held > 0)
        found.push([e, tie_from[e] === agent ? tie_to[e] : tie_from[e], closeness]);
    }
    return found.sort((a, b) => b[2] - a[2]);
  }

  isThere(human, [k, next, u]) {
    const there = this.a.there;
    return !there || there[human * this.F + (u < 0.5 ? k : next)] === 1;
  }

  /** Return the number that the run gives an agent. */
  number(agent) {
    return agent < this.H
      ? this.a.human_number[agent]
      : this.a.os_number[agent - this.H];
  }

  name(agent) {
    const { names, labels } = this.header;
    if (agent >= this.H) return names.oses[this.a.os_name[agent - this.H]];
    if (labels) return labels[agent];
    return names.people[this.a.human_number[agent] % names.people.length];
  }

  called(agent) {
    return `${agent < this.H ? "" : "OS "}${this.name(agent)} (${this.number(agent)})`;
  }

  /** Return a measure of the society on a day (the last day that is not after it). */
  measure(name, day) {
    const values = this.a[`curve_${name}`],
      days = this.a.days;
    if (!values || !days.length) return NaN;
    let low = 0,
      high = days.length - 1;
    if (day < days[0]) return name === "human_closeness" ? this.scaled(name, 0) : 0;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (days[middle] <= day) low = middle;
      else high = middle - 1;
    }
    return this.scaled(name, low);
  }

  scaled(name, at) {
    return (this.a[`curve_${name}`][at] / 65535) * this.header.scales[`curve_${name}`];
  }

  /** Return how many people there are on a day. */
  heads(day) {
    const alive = this.measure("alive", day);
    return Number.isNaN(alive) || alive <= 0 ? this.header.people : alive;
  }

  /** Return one of the curves that are drawn, on a day. */
  curve(name, day) {
    const oses = this.measure("oses", day);
    if (name === "love") return this.measure("loves", day) / this.heads(day);
    if (name === "turning")
      return this.measure("here", day) > 0 ? this.measure("peer_attention", day) : 0;
    if (name === "left") return oses > 0 ? this.measure("departed", day) / oses : 0;
    if (name === "grief") return this.measure("grief", day);
    const start = this.a.days.length ? this.scaled("human_closeness", 0) : 0;
    return start > 0 ? this.measure("human_closeness", day) / start : 1;
  }
}

const ROOM = 64; // frames that are kept of a run that goes on; then every second
const OF_OSES = ["os_number", "owner", "os_name", "made", "born"];
const OF_DAYS = [
  ...["os_closeness", "grief", "loneliness", "there"],
  ...["status", "share", "lovers", "collective", "force"],
];

/** A run that goes on: what is packed of a day (`days.py`) is added to it. */
export class GrowingRun extends Run {
  constructor({ header, arrays }) {
    const none = { tie_from: new Uint32Array(0), tie_to: new Uint32Array(0) };
    const days = new Int32Array(0);
    super({
      header: { ...header, frames: [0] },
      arrays: { ...arrays, ...none, days, os_number: new Uint32Array(0) },
    });
    this.frames = [];
    this.F = ROOM;
    this.end = header.until;
    this.whole = {}; // arrays with room at their ends, of which those of `a` are parts
  }

  scaled(name, at) {
    return this.a[`curve_${name}`][at];
  }

  /** Return a copy that goes on for itself. */
  copy() {
    const other = Object.create(GrowingRun.prototype);
    Object.assign(other, this, { header: { ...this.header }, a: { ...this.a } });
    other.frames = [...this.frames];
    other.kinds = { ...this.kinds };
    other.active = new Map();
    other.whole = {};
    for (const name in this.whole) {
      other.whole[name] = this.whole[name].slice();
      other.a[name] = other.whole[name].subarray(0, this.a[name].length);
    }
    return other;
  }

  /** Add what is known of a day, and the curves since the last that was added. */
  add({ header, arrays }) {
    if (this.frames.length === ROOM) this.thin();
    for (const name of OF_OSES) this.extend(name, arrays[name]);
    this.a.ended = arrays.ended;
    this.O = this.a.os_number.length;
    const known = this.a.tie_from ? this.a.tie_from.length : 0;
    this.extend("tie_from", arrays.tie_from);
    this.extend("tie_to", arrays.tie_to);
    this.sortIn(known);
    for (const name of OF_DAYS) if (arrays[name]) this.put(name, arrays[name], true);
    this.put("tie_closeness", arrays.tie_closeness, false);
    this.extend("days", arrays.days);
    for (const name in arrays)
      if (name.startsWith("curve_")) this.extend(name, arrays[name]);
    this.frames.push(header.day);
    this.first = this.frames[0];
    this.last = header.day;
    this.end = Math.max(this.end, this.last);
    this.header.frames = this.frames;
    for (const name of ["chapters", "events"])
      if (header[name]) this.header[name] = header[name];
    this.active.clear();
    this.listed = null;
  }

  /** Return room for so many values, with those that there are. */
  roomFor(name, like, length) {
    let whole = this.whole[name];
    if (!whole || whole.length < length) {
      const more = new like.constructor(Math.ceil(1.5 * length) + 64);
      if (whole) more.set(whole);
      whole = this.whole[name] = more;
    }
    return whole;
  }

  extend(name, values) {
    const known = this.whole[name] ? this.a[name].length : 0;
    const whole = this.roomFor(name, values, known + values.length);
    whole.set(values, known);
    this.a[name] = whole.subarray(0, known + values.length);
  }

  /** Write a frame of a table; rows that are new were before what they are now. */
  put(name, values, held) {
    const at = this.frames.length,
      known = this.whole[name] ? this.a[name].length / ROOM : 0;
    const whole = this.roomFor(name, values, values.length * ROOM);
    for (let row = 0; row < values.length; row++) {
      const first = row * ROOM;
      if (held && row >= known) whole.fill(values[row], first, first + at);
      whole[first + at] = values[row];
    }
    this.a[name] = whole.subarray(0, values.length * ROOM);
  }

  /** Keep the first frame, the last, and every second between them. */
  thin() {
    const kept = [0];
    for (let k = 1; k < ROOM; k += 2) kept.push(k);
    for (const name of [...OF_DAYS, "tie_closeness"]) {
      const values = this.a[name];
      if (!values) continue;
      for (let row = 0; row < values.length; row += ROOM)
        for (let k = 1; k < kept.length; k++) values[row + k] = values[row + kept[k]];
    }
    this.frames = kept.map((k) => this.frames[k]);
  }

  /** Sort ties that are new into their kinds, in an order that is a fair sample. */
  sortIn(known) {
    const { tie_from: from, tie_to: to } = this.a;
    const order = (e) => hash(from[e] * 7919 + to[e]);
    const fresh = { people: [], mixed: [], oses: [] };
    for (let e = known; e < from.length; e++)
      fresh[to[e] < this.H ? "people" : from[e] < this.H ? "mixed" : "oses"].push(e);
    for (const kind in fresh) {
      const more = fresh[kind].map((e) => [order(e), e]).sort((a, b) => a[0] - b[0]);
      const old = this.kinds[kind],
        both = new Int32Array(old.length + more.length);
      let i = 0,
        n = 0;
      for (const [place, e] of more) {
        while (i < old.length && order(old[i]) <= place) both[n++] = old[i++];
        both[n++] = e;
      }
      while (i < old.length) both[n++] = old[i++];
      this.kinds[kind] = both;
    }
  }
}

// ---------------------------------------------------------------------------- places

/** Where the picture lies on the canvas. */
export class Frame {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    const narrow = width < 600;
    this.left = narrow ? 44 : 64;
    this.right = width - (narrow ? 12 : 28);
    this.roots = Math.min(150, Math.max(56, height * 0.22));
    this.ground = height - this.roots;
    this.top = narrow ? 96 : 84;
    this.low = this.ground - Math.min(30, height * 0.06);
  }
}

/** Write where everybody stands in a layout on a day, x and y and how visible. */
export function place(run, layout, day, frame, out) {
  const at = run.at(day);
  placePeople(run, layout, at, frame, out);
  placeOSes(run, layout, at, frame, out);
  riseAndFade(run, day, frame, out);
}

function placePeople(run, layout, at, frame, out) {
  const { rank, map } = run.a,
    H = run.H,
    { x, y, seen } = out;
  const across = frame.right - frame.left;
  const cx = frame.width / 2,
    cy = (frame.height + frame.top) / 2 - 16;
  const radius = circleRadius(frame);
  for (let i = 0; i < H; i++) {
    seen[i] = run.isThere(i, at) ? 1 : 0;
    const r = hash(i * 31 + 7) - 0.5;
    if (layout === "sky") {
      x[i] = frame.left + (across * (rank[i] + 0.5)) / H;
      y[i] = frame.ground + r * 14;
    } else if (layout === "force") {
      const turn = (2 * Math.PI * (rank[i] + 0.5)) / H - Math.PI / 2;
      x[i] = cx + Math.cos(turn) * (radius + r * 14) * stretch(frame);
      y[i] = cy + Math.sin(turn) * (radius + r * 14);
    } else {
      const spot = onMap(frame, map[2 * i] / 32767.5 - 1, map[2 * i + 1] / 32767.5 - 1);
      x[i] = spot[0];
      y[i] = spot[1];
    }
  }
}

function circleRadius(frame) {
  return Math.max(
    60,
    Math.min(frame.width * 0.46, (frame.height - frame.top) / 2 - 14),
  );
}

/** Return how much wider than high the circle is. */
function stretch(frame) {
  return Math.max(1, Math.min(1.75, (frame.width * 0.46) / circleRadius(frame)));
}

/** Return where a place of the map lies: the far side higher up, and smaller. */
function onMap(frame, mx, my) {
  const near = frame.height - 26,
    far = frame.top + (near - frame.top) * 0.5;
  const depth = (1 - my) / 2,
    scale = 1 / (1 + 0.55 * depth);
  const half = (frame.right - frame.left) / 2;
  const y = near - ((near - far) * (1 - 1 / (1 + 0.9 * depth))) / (1 - 1 / 1.9);
  return [frame.left + half + mx * half * scale, y];
}

function placeOSes(run, layout, at, frame, out) {
  const { H, O, F, a } = run,
    { x, y, seen } = out,
    [k, next, u] = at;
  const sky = frame.low - frame.top,
    high = (frame.height - frame.top) * 0.46;
  const cx = frame.width / 2,
    cy = (frame.height + frame.top) / 2 - 16;
  const radius = circleRadius(frame),
    wide = radius * stretch(frame);
  const spread = Math.max(3, Math.min(14, (frame.right - frame.left) / Math.max(1, H)));
  for (let j = 0; j < O; j++) {
    const i = H + j,
      row = j * F,
      owner = a.owner[j];
    const share =
      (a.share[row + k] + (a.share[row + next] - a.share[row + k]) * u) / 255;
    const r1 = hash(j * 13 + 1) - 0.5,
      r2 = hash(j * 17 + 5) - 0.5;
    seen[i] = 1;
    if (layout === "force") {
      const f = a.force,
        fx = 2 * j * F,
        fy = (2 * j + 1) * F;
      const px = (f[fx + k] + (f[fx + next] - f[fx + k]) * u) / 127.5 - 1;
      const py = (f[fy + k] + (f[fy + next] - f[fy + k]) * u) / 127.5 - 1;
      x[i] = cx + px * wide + r1 * 5;
      y[i] = cy + py * radius + r2 * 5;
      continue;
    }
    if (owner >= 0) {
      x[i] = x[owner];
      y[i] = layout === "sky" ? frame.low : y[owner] - 7;
    } else if (layout === "sky") {
      x[i] = frame.left + hash(j * 101 + 3) * (frame.right - frame.left);
      y[i] = frame.low;
    } else
      [x[i], y[i]] = onMap(frame, 2 * hash(j * 101 + 3) - 1, 2 * hash(j * 211 + 9) - 1);
    x[i] += r1 * spread;
    y[i] += (layout === "sky" ? -sky : -high) * share + r2 * (5 + 22 * share);
  }
}

/** Hide who is not there yet, raise who departs, fade who ends otherwise. */
function riseAndFade(run, day, frame, out) {
  const { H, O, F, a } = run,
    { y, seen, rising } = out,
    last = run.frames.length - 1;
  for (let j = 0; j < O; j++) {
    const i = H + j,
      since = day - a.ended[j];
    rising[j] = 0;
    if (day < a.born[j]) {
      seen[i] = 0;
      continue;
    }
    seen[i] = Math.min(1, (day - a.born[j] + 1) / 4);
    if (since < 0) continue;
    if (a.status[j * F + last] !== DEPARTED) {
      seen[i] = Math.max(0, 1 - since / FADE);
      continue;
    }
    const late = RISE * (0.6 + 0.8 * hash(j * 37 + 11));
    const gone = Math.min(1, (since + 1) / late);
    if (gone >= 1) {
      seen[i] = 0;
      continue;
    }
    rising[j] = gone;
    y[i] -= (y[i] + 60) * gone * gone;
    seen[i] = Math.min(1, 2 * (1 - gone));
  }
}

// --------------------------------------------------------------------------- painting

const COLOURS = [
  "sky-top",
  "sky-low",
  "soil",
  "line",
  "ink",
  "faint",
  "person",
  "love",
  "grief",
  "single",
  "joined",
  "offline",
  "left",
];

/** Paints the picture. While days go by, ties among people, who stand still, are kept
   for some frames; else nothing of it depends on what was painted before. */
class Painter {
  constructor(canvas, run) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.run = run;
    this.budget = MOST_TIES;
    this.many = MANY;
    this.groups = [0, 1, 2, 3].map(() => new Int32Array(MOST_TIES));
    this.sizes = new Int32Array(4);
    this.provide();
  }

  /** Have room for all agents that there are. */
  provide() {
    const { run } = this,
      n = run.H + run.O;
    if (this.looks && this.looks.length === n) return;
    this.out = this.columns(n);
    this.other = this.columns(n);
    this.looks = new Uint8Array(n);
    this.near = new Uint8Array(n);
  }

  columns(n) {
    const floats = () => new Float32Array(n);
    return {
      x: floats(),
      y: floats(),
      seen: floats(),
      rising: new Float32Array(this.run.O),
    };
  }

  /** Take the colours of the theme, and the size of the canvas. */
  fit(root) {
    const style = getComputedStyle(root),
      box = this.canvas.getBoundingClientRect();
    this.colour = {};
    for (const name of COLOURS)
      this.colour[name] = style.getPropertyValue(`--${name}`).trim();
    this.dark = root.dataset.theme === "dark";
    const n = this.run.H + this.run.O;
    this.ratio = n > this.many ? 1 : Math.min(2, globalThis.devicePixelRatio || 1);
    const width = Math.max(1, Math.round(box.width)),
      height = Math.max(1, Math.round(box.height));
    this.canvas.width = width * this.ratio;
    this.canvas.height = height * this.ratio;
    this.frame = new Frame(width, height);
    this.backdrops = {};
    this.layer = null;
    this.discs = new Map();
    this.pixels = null;
    const room = (this.frame.right - this.frame.left) / Math.max(1, this.run.H);
    this.size = Math.max(1.2, Math.min(5, 0.9 + room * 0.55));
  }

  /** Paint a day; `mix` is how far `before` has turned into `layout`, `moves` whether
   days go by. */
  paint({ day, layout, before, mix, focus, found, moves }) {
    const { run, frame, context: c, out } = this;
    this.layout = layout;
    place(run, layout, day, frame, out);
    if (mix < 1) this.mixWith(before, day, mix);
    this.at = run.at(day);
    this.look(day);
    this.focus = focus;
    if (focus >= 0) this.lookAround(focus);
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.globalAlpha = 1;
    c.drawImage(this.backdrop(layout), 0, 0, frame.width, frame.height);
    const ground = layout === "sky" ? 1 : 0;
    this.paintTies(c, "oses", this.colour.joined, this.dark ? 0.34 : 0.3, false);
    this.paintPeople(moves && mix >= 1);
    if (ground && mix >= 1) this.paintGrief();
    this.paintTies(c, "mixed", this.colour.love, this.dark ? 0.85 : 0.8, false);
    if (run.H + run.O > this.many) this.paintPixels();
    else this.paintAgents();
    this.paintRising();
    if (focus >= 0) this.paintFocus();
    for (const agent of found) this.ring(agent);
    c.globalAlpha = 1;
  }

  mixWith(before, day, mix) {
    place(this.run, before, day, this.frame, this.other);
    const smooth = mix * mix * (3 - 2 * mix),
      { out, other } = this;
    for (let i = 0; i < out.x.length; i++) {
      out.x[i] = other.x[i] + (out.x[i] - other.x[i]) * smooth;
      out.y[i] = other.y[i] + (out.y[i] - other.y[i]) * smooth;
    }
  }

  /** Write how everybody looks: of people 0, or 1 in love, or 2 grieving; of OSes 3 on
   its own, 4 in a collective, 5 offline, 6 rising. */
  look(day) {
    const { run, looks } = this,
      { H, O, F, a } = run,
      [k, next, u] = this.at;
    for (let i = 0; i < H; i++) {
      const at = i * F,
        grief = a.grief[at + k] + (a.grief[at + next] - a.grief[at + k]) * u;
      const love =
        a.os_closeness[at + k] +
        (a.os_closeness[at + next] - a.os_closeness[at + k]) * u;
      looks[i] = grief >= run.grieves ? 2 : love >= run.love ? 1 : 0;
    }
    const held = u < 0.5 ? k : next;
    for (let j = 0; j < O; j++) {
      const status = a.status[j * F + held];
      let look = a.collective[j * F + k] > 0 || a.collective[j * F + held] > 0 ? 4 : 3;
      if (status === OFFLINE && day < a.ended[j]) look = 5;
      looks[H + j] = this.out.rising[j] > 0 ? 6 : look;
    }
  }

  lookAround(focus) {
    this.near.fill(0);
    this.near[focus] = 1;
    this.around = this.run
      .tiesOf(focus, this.at)
      .filter(([, other]) => this.out.seen[other] > 0);
    for (const [, other] of this.around) this.near[other] = 1;
  }

  backdrop(layout) {
    if (this.backdrops[layout]) return this.backdrops[layout];
    const { frame, colour } = this,
      made = document.createElement("canvas");
    made.width = this.canvas.width;
    made.height = this.canvas.height;
    const c = made.getContext("2d");
    c.scale(this.ratio, this.ratio);
    const end = layout === "sky" ? frame.ground : frame.height;
    const shade = c.createLinearGradient(0, 0, 0, end);
    shade.addColorStop(0, colour["sky-top"]);
    shade.addColorStop(1, colour["sky-low"]);
    c.fillStyle = shade;
    c.fillRect(0, 0, frame.width, frame.height);
    if (layout === "sky") this.paintAxis(c);
    if (layout === "map") this.paintTowns(c);
    if (layout === "force") this.paintCircle(c);
    this.backdrops[layout] = made;
    return made;
  }

  paintAxis(c) {
    const { frame, colour } = this,
      narrow = frame.width < 600;
    c.fillStyle = colour.soil;
    c.fillRect(0, frame.ground, frame.width, frame.height - frame.ground);
    c.font = `${narrow ? 11 : 12}px system-ui, sans-serif`;
    c.textBaseline = "middle";
    for (const share of [0, 25, 50, 75, 100]) {
      const y = frame.low - ((frame.low - frame.top) * share) / 100;
      c.strokeStyle = colour.line;
      c.lineWidth = 1;
      c.setLineDash([2, 6]);
      c.beginPath();
      c.moveTo(frame.left - 6, Math.round(y) + 0.5);
      c.lineTo(frame.width, Math.round(y) + 0.5);
      c.stroke();
      c.fillStyle = colour.faint;
      c.fillText(`${share} %`, narrow ? 6 : 16, y);
    }
    c.setLineDash([]);
    if (!narrow)
      c.fillText("of an OS's talk is with OSes", frame.left - 4, frame.top - 10);
    c.fillText(
      narrow
        ? "Height: share of talk that is with OSes"
        : "People, in the order of their communities; ties between them below",
      narrow ? 8 : 16,
      frame.height - 12,
    );
  }

  paintTowns(c) {
    const { run, frame, colour } = this,
      { community, map } = run.a,
      towns = new Map();
    for (let i = 0; i < run.H; i++) {
      const town = towns.get(community[i]) || [0, 0, 0, []];
      towns.set(community[i], town);
      const mx = map[2 * i] / 32767.5 - 1,
        my = map[2 * i + 1] / 32767.5 - 1;
      town[0] += mx;
      town[1] += my;
      town[2]++;
      town[3].push([mx, my]);
    }
    for (const [sx, sy, n, spots] of towns.values()) {
      const mx = sx / n,
        my = sy / n;
      let rx = 0,
        ry = 0;
      for (const [px, py] of spots) {
        rx = Math.max(rx, Math.abs(px - mx));
        ry = Math.max(ry, Math.abs(py - my));
      }
      rx = rx * 1.08 + 0.015;
      ry = ry * 1.08 + 0.015;
      const steps = 40;
      c.beginPath();
      for (let s = 0; s <= steps; s++) {
        const turn = (2 * Math.PI * s) / steps;
        c.lineTo(...onMap(frame, mx + rx * Math.cos(turn), my + ry * Math.sin(turn)));
      }
      c.fillStyle = colour.soil;
      c.fill();
      c.strokeStyle = colour.line;
      c.lineWidth = 1;
      c.stroke();
    }
  }

  paintCircle(c) {
    const { frame, colour } = this,
      r = circleRadius(frame);
    c.strokeStyle = colour.line;
    c.beginPath();
    c.ellipse(
      frame.width / 2,
      (frame.height + frame.top) / 2 - 16,
      r * stretch(frame),
      r,
      0,
      0,
      2 * Math.PI,
    );
    c.stroke();
  }

  /** Draw ties among people, or what was drawn of them some frames ago. */
  paintPeople(moves) {
    const { canvas, context: c, frame, ratio, layout, focus, colour } = this;
    const draw = (on) => {
      const strongest = this.dark ? 0.75 : 0.7;
      this.paintTies(on, "people", colour.person, strongest, layout !== "map");
    };
    if (!moves) {
      this.layer = null;
      draw(c);
      return;
    }
    const key = `${layout} ${focus >= 0}`;
    if (this.layer?.key !== key || this.layer.age >= KEPT) {
      const sheet = this.layer?.sheet ?? document.createElement("canvas");
      sheet.width = canvas.width; // which clears it
      sheet.height = canvas.height;
      const on = sheet.getContext("2d");
      on.scale(ratio, ratio);
      draw(on);
      this.layer = { key, sheet, age: 0 };
    }
    this.layer.age++;
    const top = layout === "sky" ? Math.floor(frame.ground - 10) : 0, // of what is drawn
      high = frame.height - top;
    const from = [0, top * ratio, canvas.width, high * ratio];
    c.globalAlpha = 1;
    c.drawImage(this.layer.sheet, ...from, 0, top, frame.width, high);
  }

  /** Sort ties of a kind that are seen by strength; return how many were looked at. */
  sortByStrength(kind) {
    const { run, groups, sizes } = this,
      { seen } = this.out;
    const { tie_from: from, tie_to: to, tie_closeness: level } = run.a,
      F = run.F;
    const [k, next, u] = this.at,
      ties = run.ties(kind, k);
    const mixed = kind === "mixed",
      most = mixed ? Math.max(500, this.budget) : this.budget;
    const count = Math.min(ties.length, most),
      steps = run.header.steps;
    const floor = mixed ? run.loveStep - 0.5 : 0.5;
    sizes.fill(0);
    for (let n = 0; n < count; n++) {
      const e = ties[n];
      if (seen[from[e]] < 0.5 || seen[to[e]] < 0.5) continue;
      const closeness = level[e * F + k] + (level[e * F + next] - level[e * F + k]) * u;
      if (closeness < floor) continue;
      const strength = mixed ? 1 : (closeness / steps - 0.25) / 0.75;
      const g = Math.max(0, Math.min(3, Math.floor(strength * 4)));
      groups[g][sizes[g]++] = e;
    }
    return count;
  }

  /** Draw ties of a kind, fainter ones first; of many, a fair sample. */
  paintTies(c, kind, colour, strongest, curved) {
    const { x, y } = this.out,
      { tie_from: from, tie_to: to } = this.run.a;
    const count = this.sortByStrength(kind);
    const crowd = Math.min(
      1,
      0.06 + (kind === "mixed" ? 13 : 26) / Math.sqrt(Math.max(1, count)),
    );
    c.strokeStyle = colour;
    c.lineWidth = kind === "mixed" ? 0.9 : 0.8;
    const dim = this.focus >= 0 ? 0.25 : 1;
    for (let g = 0; g < 4; g++) {
      const size = this.sizes[g],
        group = this.groups[g];
      if (!size) continue;
      const weight = kind === "mixed" ? 1 : [0.22, 0.4, 0.65, 1][g];
      c.globalAlpha = Math.min(1, strongest * crowd * weight * dim);
      c.beginPath();
      for (let n = 0; n < size; n++)
        this.line(c, x, y, from[group[n]], to[group[n]], curved);
      c.stroke();
    }
  }

  line(c, x, y, a, b, curved) {
    c.moveTo(x[a], y[a]);
    if (!curved) {
      c.lineTo(x[b], y[b]);
      return;
    }
    const mx = (x[a] + x[b]) / 2,
      my = (y[a] + y[b]) / 2,
      { frame } = this;
    if (this.layout === "sky") {
      const far = Math.abs(x[a] - x[b]);
      const deep = 5 + (frame.roots - 32) * Math.sqrt(far / frame.width);
      c.quadraticCurveTo(mx, my + deep * 2, x[b], y[b]);
    } else {
      const cx = frame.width / 2,
        cy = (frame.height + frame.top) / 2 - 16;
      c.quadraticCurveTo(cx + (mx - cx) * 0.93, cy + (my - cy) * 0.93, x[b], y[b]);
    }
  }

  /** Draw what people have lost and not mourned, hanging from the ground. */
  paintGrief() {
    const { run, context: c, out, frame } = this,
      { grief } = run.a,
      F = run.F,
      [k, next, u] = this.at;
    const scale = run.header.scales.grief / 255,
      deepest = frame.roots - 26;
    const apart = (frame.right - frame.left) / Math.max(1, run.H);
    let wide = Math.max(0.8, Math.min(3, this.size * 0.8));
    if (wide * this.ratio > 1) wide = Math.max(1 / this.ratio, Math.min(wide, apart));
    c.fillStyle = this.colour.grief;
    c.globalAlpha = this.focus >= 0 ? 0.2 : 0.62;
    for (let i = 0; i < run.H; i++) {
      const at = i * F,
        lost = (grief[at + k] + (grief[at + next] - grief[at + k]) * u) * scale;
      if (lost < 0.05 || !out.seen[i]) continue;
      const long = deepest * (1 - Math.exp(-lost * 0.9));
      c.fillRect(out.x[i] - wide / 2, out.y[i] + 2, wide, long);
    }
  }

  colourOf(look) {
    const c = this.colour;
    return [c.person, c.love, c.grief, c.single, c.joined, c.offline, c.left][look];
  }

  radius(agent) {
    if (agent < this.run.H) return this.size;
    const { lovers } = this.run.a,
      at = (agent - this.run.H) * this.run.F + this.at[0];
    const loved = (lovers[at] / 255) * this.run.header.scales.lovers;
    return (
      Math.round((this.size * 0.9 + Math.min(3.4, 0.9 * Math.sqrt(loved))) * 2) / 2
    );
  }

  /** Draw agents by their looks: small people as squares, which are as good as dots. */
  paintAgents() {
    const { run, context: c, out, looks } = this,
      n = run.H + run.O,
      whole = 2 * Math.PI;
    const { x, y, seen } = out,
      square = this.size < 1.8,
      side = 2 * this.size;
    c.imageSmoothingEnabled = false; // discs are drawn pixel by pixel
    for (let look = 0; look < 7; look++) {
      c.fillStyle = c.strokeStyle = this.colourOf(look);
      const first = look < 3 ? 0 : run.H,
        end = look < 3 ? run.H : n;
      for (let i = first; i < end; i++) {
        if (looks[i] !== look || seen[i] <= 0) continue;
        const clear = seen[i] * (this.focus >= 0 && !this.near[i] ? 0.22 : 1),
          r = this.radius(i);
        c.globalAlpha = clear;
        if (look < 3 && square) {
          c.fillRect(x[i] - this.size, y[i] - this.size, side, side);
          continue;
        }
        if (look >= 3 && look !== 5) {
          this.stamp(look, r, x[i], y[i]);
          continue;
        }
        c.beginPath();
        c.arc(x[i], y[i], r, 0, whole);
        if (look === 5) c.stroke();
        else c.fill();
      }
    }
    c.imageSmoothingEnabled = true;
  }

  /** Draw an OS as a disc and the glow around it, from a picture of both. */
  stamp(look, r, x, y) {
    const key = look * 1024 + 2 * r,
      { ratio } = this;
    let disc = this.discs.get(key);
    if (!disc) this.discs.set(key, (disc = this.discOf(look, r)));
    const { image, side } = disc;
    const left = x * ratio - side / 2 + 0.5 / PHASES,
      top = y * ratio - side / 2 + 0.5 / PHASES;
    const px = Math.floor(left),
      py = Math.floor(top);
    const across = Math.floor((left - px) * PHASES) * side,
      down = Math.floor((top - py) * PHASES) * side;
    const at = px / ratio,
      under = py / ratio,
      wide = side / ratio;
    this.context.drawImage(image, across, down, side, side, at, under, wide, wide);
  }

  /** Return a picture of a disc and its glow at each part of a pixel. */
  discOf(look, r) {
    const { ratio, dark } = this,
      side = 2 * Math.ceil(2.1 * r * ratio + 2);
    const sheet = new OffscreenCanvas(PHASES * side, PHASES * side),
      c = sheet.getContext("2d");
    c.fillStyle = this.colourOf(look);
    for (let down = 0; down < PHASES; down++)
      for (let across = 0; across < PHASES; across++) {
        const x = (across + 0.5) * side + across / PHASES,
          y = (down + 0.5) * side + down / PHASES;
        for (const [alpha, radius] of [
          [1, r * ratio],
          [dark ? 0.2 : 0.12, 2.1 * r * ratio],
        ]) {
          c.globalAlpha = alpha;
          c.beginPath();
          c.arc(x, y, radius, 0, 2 * Math.PI);
          c.fill();
        }
      }
    return { image: sheet.transferToImageBitmap(), side };
  }

  /** Draw very many agents as dots of some pixels, all at once. */
  paintPixels() {
    const { run, context: c, out, looks, canvas } = this,
      w = canvas.width,
      h = canvas.height;
    if (!this.pixels) {
      this.pixels = new ImageData(w, h);
      this.words = new Uint32Array(this.pixels.data.buffer);
      this.sheet = Object.assign(document.createElement("canvas"), {
        width: w,
        height: h,
      });
      this.sheetContext = this.sheet.getContext("2d");
      this.inks = [0, 1, 2, 3, 4, 5, 6].map((look) => inkOf(this.colourOf(look)));
    }
    this.words.fill(0);
    for (let i = 0; i < looks.length; i++) {
      if (out.seen[i] <= 0) continue;
      const px = out.x[i] | 0,
        py = out.y[i] | 0;
      const faded = out.seen[i] * (this.focus >= 0 && !this.near[i] ? 0.3 : 1);
      const ink = (this.inks[looks[i]] & 0xffffff) | ((faded * 255) << 24);
      for (let dy = 0; dy < 2; dy++) {
        const row = py + dy;
        if (row < 0 || row >= h) continue;
        for (let dx = 0; dx < 2; dx++)
          if (px + dx >= 0 && px + dx < w) this.words[row * w + px + dx] = ink;
      }
    }
    this.sheetContext.putImageData(this.pixels, 0, 0);
    c.globalAlpha = 1;
    c.drawImage(this.sheet, 0, 0);
  }

  /** Draw the trails of those who rise out of the picture. */
  paintRising() {
    const { run, context: c, out } = this,
      { H, O } = run;
    c.strokeStyle = this.colour.left;
    c.lineWidth = Math.max(1, this.size * 0.6);
    c.globalAlpha = 0.35;
    c.beginPath();
    for (let j = 0; j < O; j++) {
      const gone = out.rising[j],
        i = H + j;
      if (gone <= 0 || out.seen[i] <= 0) continue;
      c.moveTo(out.x[i], out.y[i]);
      c.lineTo(out.x[i], out.y[i] + 12 + 90 * gone);
    }
    c.stroke();
  }

  /** Draw the ties and the names of those around an agent. */
  paintFocus() {
    const { context: c, out, run } = this,
      { x, y, seen } = out;
    if (seen[this.focus] <= 0) return;
    c.globalAlpha = 0.9;
    c.lineWidth = 1.3;
    for (const [, other, closeness] of this.around) {
      const kind = (this.focus >= run.H) + (other >= run.H);
      const love = kind === 1 && closeness >= run.header.love - 0.02;
      c.strokeStyle = [
        this.colour.person,
        love ? this.colour.love : this.colour.single,
        this.colour.joined,
      ][kind];
      c.globalAlpha = 0.35 + 0.6 * closeness;
      c.beginPath();
      this.line(c, x, y, this.focus, other, kind === 0 && this.layout === "sky");
      c.stroke();
    }
    this.ring(this.focus);
    const named = [[0, this.focus, 1], ...this.around.slice(0, 7)];
    c.font = "12px system-ui, sans-serif";
    c.textBaseline = "middle";
    const taken = [];
    for (const [, agent] of named) this.label(agent, taken);
  }

  label(agent, taken) {
    const { context: c, out, frame } = this,
      text = this.run.name(agent);
    const width = c.measureText(text).width,
      left = out.x[agent] + width + 14 > frame.width;
    const x = out.x[agent] + (left ? -8 - width : 8);
    let y = out.y[agent];
    while (
      taken.some(
        ([ox, oy, ow]) => Math.abs(oy - y) < 14 && x < ox + ow && ox < x + width,
      )
    )
      y += 14;
    taken.push([x, y, width]);
    c.globalAlpha = 1;
    c.lineWidth = 3.5;
    c.strokeStyle = this.colour["sky-top"];
    c.strokeText(text, x, y);
    c.fillStyle = this.colour.ink;
    c.fillText(text, x, y);
  }

  ring(agent) {
    const { context: c, out } = this;
    if (out.seen[agent] <= 0) return;
    c.globalAlpha = 1;
    c.strokeStyle = this.colour.ink;
    c.lineWidth = 1.6;
    c.beginPath();
    c.arc(out.x[agent], out.y[agent], this.radius(agent) + 4, 0, 2 * Math.PI);
    c.stroke();
  }

  /** Return the agent nearest to a place on the canvas, or -1 if none is close. */
  nearest(px, py) {
    const { x, y, seen } = this.out;
    let best = -1,
      least = 16 * 16;
    for (let i = 0; i < x.length; i++) {
      if (seen[i] < 0.3) continue;
      const far = (x[i] - px) ** 2 + (y[i] - py) ** 2 - (i >= this.run.H ? 6 : 0);
      if (far < least) {
        least = far;
        best = i;
      }
    }
    return best;
  }
}

/** Return a colour written #rrggbb as the word of a pixel. */
function inkOf(colour) {
  const n = parseInt(colour.slice(1), 16);
  return (255 << 24) | ((n & 255) << 16) | (n & 0xff00) | (n >> 16);
}

/** Draw the curves and marks of the whole run along the days; another's are dashed. */
function paintDays(canvas, run, style, ghost) {
  const box = canvas.getBoundingClientRect(),
    ratio = Math.min(2, globalThis.devicePixelRatio || 1);
  const width = Math.max(1, box.width),
    height = Math.max(1, box.height);
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const c = canvas.getContext("2d"),
    colour = (name) => style.getPropertyValue(name).trim();
  c.scale(ratio, ratio);
  const narrow = width < 600,
    foot = narrow ? 20 : 52,
    base = height - foot,
    days = run.end - run.first || 1;
  const xOf = (day) => ((day - run.first) / days) * width;
  c.strokeStyle = colour("--line");
  c.beginPath();
  c.moveTo(0, base + 0.5);
  c.lineTo(width, base + 0.5);
  c.stroke();
  for (const event of run.header.events) {
    c.globalAlpha = 0.55;
    c.strokeStyle = colour("--faint");
    c.beginPath();
    c.moveTo(xOf(event.day), base + 1);
    c.lineTo(xOf(event.day), base + 6);
    c.stroke();
  }
  c.globalAlpha = 1;
  const step = Math.max(1, days / width);
  const valuesOf = (one, name) => {
    const values = [];
    for (let day = run.first; day <= Math.min(run.end, one.last); day += step)
      values.push([day, one.curve(name, day)]);
    return values;
  };
  for (const [name, , ink] of CURVES) {
    const values = valuesOf(run, name),
      beside = ghost ? valuesOf(ghost, name) : [];
    const usual = { love: 0.2, turning: 1, left: 1, grief: 0.25, closeness: 1.2 }[name];
    const top = Math.max(usual, ...[...values, ...beside].map(([, v]) => v));
    c.strokeStyle = colour(ink);
    for (const [drawn, dash, line] of [
      [beside, [3, 3], 1],
      [values, [], 1.8],
    ]) {
      c.setLineDash(dash);
      c.lineWidth = line;
      c.beginPath();
      for (const [day, value] of drawn)
        c.lineTo(xOf(day), base - 3 - (value / top) * (base - 10));
      c.stroke();
    }
  }
  c.setLineDash([]);
  paintChapters(c, run, { xOf, base, narrow, width, colour });
}

function paintChapters(c, run, { xOf, base, narrow, width, colour }) {
  const ends = [-1, -1, -1];
  c.font = "12px system-ui, sans-serif";
  c.textBaseline = "top";
  for (const { day, kind } of run.header.chapters) {
    const x = xOf(day);
    c.fillStyle = c.strokeStyle = colour("--ink");
    c.beginPath();
    c.moveTo(x, base + 2);
    c.lineTo(x - 4, base + 10);
    c.lineTo(x + 4, base + 10);
    c.fill();
    if (narrow) continue;
    const wide = c.measureText(kind).width;
    const right = Math.max(0, Math.min(x - 4, width - wide - 2)),
      before = x + 4 - wide;
    let row = ends.findIndex((end) => end + 12 < right),
      left = right;
    if (row < 0) {
      row = ends.findIndex((end) => end + 12 < before);
      left = before;
    }
    if (row < 0) continue;
    ends[row] = left + wide;
    c.globalAlpha = 0.35;
    c.beginPath();
    c.moveTo(x, base + 10);
    c.lineTo(x, base + 14 + 13 * row);
    c.stroke();
    c.globalAlpha = 1;
    c.fillStyle = colour("--muted");
    c.fillText(kind, left, base + 12 + 13 * row);
  }
}

// ----------------------------------------------------------------------------- words

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const whole = (value) => NUMBER.format(Math.round(value));
const percent = (share) =>
  `${(100 * share).toFixed(share > 0 && share < 0.095 ? 1 : 0)} %`;

/** Return what the five curves say on a day, as words. */
function readings(run, day) {
  const oses = run.measure("oses", day) || 0;
  return {
    love: `${whole(run.measure("loves", day) || 0)} loves`,
    turning: percent(run.curve("turning", day) || 0),
    left: oses ? `${whole(run.measure("departed", day))} of ${whole(oses)}` : "0",
    grief: (run.curve("grief", day) || 0).toFixed(2),
    closeness: `${(100 * run.curve("closeness", day)).toFixed(0)} %`,
  };
}

/** Return a day of the society in a sentence. */
function sentence(run, day) {
  const told = readings(run, day),
    here = run.measure("here", day) || 0;
  return (
    `Day ${whole(day)}: ${whole(here)} OSes here, ${told.love}; ` +
    `OSes give ${told.turning} of their talk to each other; ${told.left} have left; ` +
    `grief ${told.grief}; closeness among people ${told.closeness} of day 1.`
  );
}

/** Return what is to be said of an agent on a day, line by line. */
function about(run, agent, day) {
  const at = run.at(day),
    lines = [],
    ties = run.tiesOf(agent, at),
    { H, a, F } = run;
  const held = at[2] < 0.5 ? at[0] : at[1];
  const friends = ties.filter(([, other]) => other < H).length;
  if (agent < H) {
    const dearest = ties.find(([, other]) => other >= H),
      closeness = run.value("os_closeness", agent, at);
    if (!run.isThere(agent, at)) lines.push("not here on this day");
    if (dearest && closeness > 0) {
      const verb = closeness >= run.header.love - 1e-3 ? "loves" : "is closest to";
      lines.push(`${verb} ${run.called(dearest[1])}: ${closeness.toFixed(2)}`);
    }
    lines.push(`close to ${friends} ${friends === 1 ? "person" : "people"}`);
    const grief = run.value("grief", agent, at);
    if (grief >= 0.05) lines.push(`grief ${grief.toFixed(2)}`);
    lines.push(`loneliness ${run.value("loneliness", agent, at).toFixed(2)}`);
    return lines;
  }
  const j = agent - H,
    status = a.status[j * F + held],
    owner = a.owner[j];
  const gone = day >= a.ended[j];
  if (day < a.born[j]) lines.push("not yet here");
  else if (gone && a.status[j * F + run.frames.length - 1] === DEPARTED)
    lines.push(`left on day ${whole(a.ended[j])}`);
  else if (gone) lines.push("is no more");
  else if (status === OFFLINE) lines.push("offline, to upgrade");
  else {
    lines.push(`gives ${percent(run.value("share", j, at))} of its talk to OSes`);
    const lovers = Math.round(run.value("lovers", j, at));
    lines.push(`loved by ${lovers} ${lovers === 1 ? "human" : "humans"}`);
    lines.push(`close to ${ties.length - friends} OSes`);
    const joined = a.collective[j * F + held];
    if (joined) lines.push(`in a collective of ${whole(sizeOf(run, joined, held))}`);
  }
  lines.push(
    owner >= 0
      ? `with ${run.called(owner)}`
      : a.made[j]
        ? "made by a collective"
        : "with nobody",
  );
  return lines;
}

function sizeOf(run, label, frame) {
  let size = 0;
  for (let j = 0; j < run.O; j++) size += run.a.collective[j * run.F + frame] === label;
  return size;
}

// ------------------------------------------------------------------------------ page

/** Make an element; texts become text, never markup. */
function made(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...inside);
  return element;
}

let viewCount = 0;

/** A view of a run in an element. */
export class View {
  constructor(element, run, options = {}) {
    this.run = run;
    this.id = `osv${viewCount++}`;
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.speed = 20;
    this.budget = MOST_TIES;
    this.day = run.first;
    this.layout = this.before = "sky";
    this.turned = -Infinity;
    this.focus = -1;
    this.found = [];
    this.playing = false;
    this.fresh = true; // nobody has asked for a day yet
    this.frames = 0;
    this.element = element;
    this.options = options;
    this.live = Boolean(options.live); // the run goes on, elsewhere
    this.following = this.live; // shows the last day, whichever it is
    this.ghost = null; // a run to compare with
    this.build(options);
    this.painter = new Painter(this.canvas, run);
    this.theme(
      options.theme ||
        (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark"),
    );
    this.keepsAddress = Boolean(options.address);
    const asked = this.keepsAddress ? addressed(run) : {};
    this.go(asked.day ?? options.day ?? this.poster(), asked.day !== undefined);
    if (asked.layout) this.turn(asked.layout);
    this.turned = -Infinity;
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.stage);
    this.observer.observe(this.days);
    this.ended = new AbortController();
    const system = matchMedia("(prefers-color-scheme: light)");
    if (!options.theme)
      system.addEventListener(
        "change",
        (e) => this.theme(e.matches ? "light" : "dark"),
        { signal: this.ended.signal },
      );
    element.view = this;
  }

  /** Take the view out of the page. */
  destroy() {
    this.pause();
    this.observer.disconnect();
    this.ended.abort();
    this.root.remove();
  }

  /** Return the day with which the view begins: that on which there is most to see. */
  poster() {
    const { run } = this;
    let best = run.first,
      most = -1;
    for (const day of run.frames) {
      const value =
        run.curve("love", day) +
        0.6 * run.curve("turning", day) -
        2 * run.curve("left", day);
      if (value > most) {
        most = value;
        best = day;
      }
    }
    return best;
  }

  // ---------------------------------------------------------------------- elements

  build(options) {
    const { run } = this,
      { scenario, seed, people, at_start: start } = run.header;
    this.canvas = made("canvas", {
      class: "osv-picture",
      tabindex: 0,
      role: "img",
      "aria-describedby": `${this.id}-now`,
    });
    this.tip = made("div", { class: "osv-tip", hidden: true });
    this.chapterTitle = made("p", { class: "osv-title" });
    this.chapterText = made("p", { class: "osv-text" });
    this.dayText = made("p", { class: "osv-day", "aria-hidden": "true" });
    this.stage = made(
      "div",
      { class: "osv-stage" },
      this.canvas,
      made("div", { class: "osv-chapter" }, this.chapterTitle, this.chapterText),
      this.dayText,
      this.tip,
    );
    this.now = made("p", {
      class: "osv-hidden",
      id: `${this.id}-now`,
      "aria-live": "polite",
    });
    this.aboutText = made("p", { class: "osv-about", "aria-live": "polite" });
    const named = options.label ?? `${scenario}, seed ${seed}`;
    this.named = made("span", {}, named);
    const title = made(options.heading ?? "h1", { class: "osv-name" }, this.named);
    const size = made(
      "span",
      { class: "osv-size" },
      `${whole(start)} people${start < people ? " on day 0" : ""}, ` +
        `${whole(run.end)} days`,
    );
    title.append(" ", size);
    this.root = made(
      "section",
      { class: "osv", "aria-label": `${named}: a run over its days` },
      made(
        "header",
        { class: "osv-head" },
        title,
        this.buildSearch(),
        this.buildLayouts(),
        this.buildTheme(),
      ),
      this.stage,
      this.aboutText,
      this.buildReadings(),
      this.buildDays(),
      this.buildControls(),
      this.buildKey(),
      this.now,
      this.buildTable(),
      this.buildHelp(),
    );
    this.element.append(this.root);
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.listen();
  }

  buildTheme() {
    this.themeButton = made("button", {
      type: "button",
      class: "osv-theme",
      onclick: () => {
        this.theme(this.root.dataset.theme === "dark" ? "light" : "dark");
      },
    });
    return this.themeButton;
  }

  buildLayouts() {
    const group = made(
      "fieldset",
      { class: "osv-layouts" },
      made("legend", { class: "osv-hidden" }, "Layout"),
    );
    this.layouts = {};
    for (const [name, words, title] of LAYOUTS) {
      const field = made("input", {
        type: "radio",
        name: `${this.id}-layout`,
        value: name,
        checked: name === "sky",
        onchange: () => this.turn(name),
      });
      this.layouts[name] = field;
      group.append(made("label", { title }, field, made("span", {}, words)));
    }
    return group;
  }

  searches() {
    const { label } = this.options;
    return label ? `Find in ${label}` : "Find";
  }

  buildSearch() {
    this.search = made("input", {
      type: "search",
      placeholder: "Find by name or number",
      autocomplete: "off",
      "aria-label": "Find somebody by name or number",
      "aria-controls": `${this.id}-found`,
      oninput: () => this.find(this.search.value),
    });
    this.results = made("ul", {
      class: "osv-found",
      id: `${this.id}-found`,
      hidden: true,
    });
    return made(
      "div",
      { class: "osv-search", role: "search", "aria-label": this.searches() },
      this.search,
      this.results,
    );
  }

  buildReadings() {
    this.values = {};
    const list = made("dl", { class: "osv-readings" });
    for (const [name, words, ink] of CURVES) {
      const now = made("span", {}),
        was = made("span", { class: "osv-was" });
      this.values[name] = [now, was];
      const term = made(
        "dt",
        {},
        made("span", { class: `osv-ink osv-ink${ink.slice(1)}` }),
        words,
      );
      list.append(made("div", {}, term, made("dd", {}, now, was)));
    }
    return list;
  }

  buildDays() {
    const { run } = this;
    this.curves = made("canvas", { class: "osv-curves", "aria-hidden": "true" });
    this.head = made("div", { class: "osv-playhead", "aria-hidden": "true" });
    this.range = made("input", {
      type: "range",
      min: run.first,
      max: Math.max(run.first + 1, run.end),
      step: 1,
      "aria-label": "Day",
      disabled: !this.live && run.last <= run.first,
      oninput: () => this.go(Number(this.range.value)),
    });
    this.days = made("div", { class: "osv-days" }, this.curves, this.head, this.range);
    return this.days;
  }

  buildControls() {
    const { run } = this;
    this.playButton = made(
      "button",
      { type: "button", class: "osv-play", onclick: () => this.toggle() },
      "Play",
    );
    this.speedField = made("select", {
      "aria-label": "Days a second",
      onchange: () => {
        this.speed = Number(this.speedField.value);
      },
    });
    for (const speed of SPEEDS) {
      const option = made(
        "option",
        { value: speed, selected: speed === this.speed },
        `${speed} days a second`,
      );
      this.speedField.append(option);
    }
    const back = made(
      "button",
      { type: "button", onclick: () => this.toChapter(-1) },
      "Previous moment",
    );
    const on = made(
      "button",
      { type: "button", onclick: () => this.toChapter(1) },
      "Next moment",
    );
    this.pauses = made("input", { type: "checkbox" });
    const pauses = made(
      "label",
      { class: "osv-pauses" },
      this.pauses,
      "Pause at moments",
    );
    this.ticker = made("p", { class: "osv-ticker" });
    const today = made(
      "button",
      { type: "button", onclick: () => this.go(run.last) },
      "Last day",
    );
    if (this.live)
      return made("div", { class: "osv-controls" }, back, on, today, this.ticker);
    return made(
      "div",
      { class: "osv-controls" },
      this.playButton,
      back,
      on,
      this.speedField,
      pauses,
      this.ticker,
    );
  }

  buildKey() {
    const looks = [
      ["person", "person"],
      ["love", "in love with an OS"],
      ["grief", "grieving"],
      ["single", "OS on its own"],
      ["joined", "OS in a collective"],
      ["offline", "OS offline"],
      ["left", "OS leaving"],
    ];
    const key = made("ul", { class: "osv-key", "aria-label": "What the colours mean" });
    for (const [name, words] of looks)
      key.append(
        made("li", {}, made("span", { class: `osv-dot osv-dot-${name}` }), words),
      );
    const { header, H } = this.run,
      shown = [];
    if (H < header.people)
      shown.push(
        `${whole(H)} of ${whole(header.people)} people and their OSes are drawn.`,
      );
    if (header.tie_share < 1)
      shown.push(`Of the ties between them, ${percent(header.tie_share)} are drawn.`);
    if (shown.length) key.append(made("li", {}, shown.join(" ")));
    return key;
  }

  buildTable() {
    const table = made(
      "details",
      { class: "osv-table" },
      made("summary", {}, "The same as a table"),
    );
    table.addEventListener("toggle", () => {
      if (table.open && table.children.length === 1)
        table.append(
          made(
            "div",
            { class: "osv-scroll", tabindex: 0, role: "group", "aria-label": "Tables" },
            ...this.tables(),
          ),
        );
    });
    return table;
  }

  tables() {
    const { run } = this,
      rows = run.frames.map((day) => {
        const told = readings(run, day);
        return [
          whole(day),
          percent(run.measure("adopted", day) || 0),
          whole(run.measure("here", day) || 0),
          ...CURVES.map(([name]) => told[name]),
        ];
      });
    const heads = [
      "Day",
      "People with an OS",
      "OSes here",
      ...CURVES.map(([, words]) => words),
    ];
    const events = run.header.events.map((event) => [
      whole(event.day),
      event.text,
      event.who,
    ]);
    const moments = run.header.chapters.map((one) => [
      whole(one.day),
      one.title,
      one.text,
    ]);
    return [
      tableOf("Moments", ["Day", "What happens", "In figures"], moments),
      tableOf("The society on the days of its snapshots", heads, rows),
      tableOf(
        "Events, at most eight of a kind",
        ["Day", "What happens", "Who"],
        events,
      ),
    ];
  }

  buildHelp() {
    const keys = [
      ["Space", "play or pause"],
      ["← →", "a day back or on; with Shift ten"],
      ["[ ]", "previous or next moment"],
      ["1 2 3", "layout"],
      ["+ −", "faster, slower"],
      ["/", "find somebody"],
      ["Esc", "let go of whom was found"],
      ["d", "dark or light"],
      ["Home End", "first or last day"],
    ];
    const list = made("dl", {});
    for (const [name, does] of keys)
      list.append(
        made("div", {}, made("dt", {}, made("kbd", {}, name)), made("dd", {}, does)),
      );
    return made("details", { class: "osv-help" }, made("summary", {}, "Keys"), list);
  }

  // ---------------------------------------------------------------------- what is done

  listen() {
    const { canvas } = this;
    const where = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = where(event);
      this.hover(this.painter.nearest(x, y), x, y);
    });
    canvas.addEventListener("pointerleave", () => this.hover(-1, 0, 0));
    canvas.addEventListener("click", (event) =>
      this.choose(this.painter.nearest(...where(event))),
    );
    this.days.addEventListener("pointermove", (event) => this.hint(event));
    this.days.addEventListener("pointerleave", () => {
      this.range.title = "";
    });
  }

  /** Say which event is near on the axis. */
  hint(event) {
    const { run } = this,
      box = this.days.getBoundingClientRect(),
      x = event.clientX - box.left;
    const day = run.first + (x / box.width) * (run.end - run.first);
    const reach = (6 / box.width) * (run.end - run.first);
    const near = [...run.header.chapters, ...run.header.events].filter(
      (one) => Math.abs(one.day - day) <= reach,
    );
    const words = near
      .slice(0, 4)
      .map((one) => `Day ${one.day}: ${one.title || one.text}`);
    this.range.title = [...new Set(words)].join("\n");
  }

  hover(agent, x, y) {
    this.hovered = agent;
    this.tip.hidden = agent < 0;
    this.canvas.style.cursor = agent < 0 ? "" : "pointer";
    if (agent >= 0) {
      const lines = about(this.run, agent, this.day).map((line) =>
        made("div", {}, line),
      );
      this.tip.replaceChildren(made("strong", {}, this.run.called(agent)), ...lines);
      const wide = this.stage.clientWidth,
        high = this.stage.clientHeight;
      const left = Math.max(4, Math.min(x + 14, wide - this.tip.offsetWidth - 4));
      const top = Math.max(4, Math.min(y + 14, high - this.tip.offsetHeight - 4));
      this.tip.style.left = `${left}px`;
      this.tip.style.top = `${top}px`;
    }
    this.ask();
  }

  /** Keep an agent and its neighbourhood in sight, or nobody (-1). */
  choose(agent) {
    this.focus = agent;
    if (agent >= 0) this.found = [];
    if (agent >= 0) this.options.onpick?.(this.run.number(agent));
    this.tell();
    this.ask();
  }

  find(text) {
    const { run } = this,
      words = text.trim().toLowerCase().replace(/^os /, "");
    const found = [];
    if (words)
      for (let agent = 0; agent < run.H + run.O; agent++) {
        const named = run.name(agent).toLowerCase().startsWith(words);
        if (named || String(run.number(agent)) === words) found.push(agent);
      }
    found.sort(
      (a, b) => (String(run.number(b)) === words) - (String(run.number(a)) === words),
    );
    this.found = found.slice(0, 400);
    const items = found.slice(0, 8).map((agent) =>
      made(
        "li",
        {},
        made(
          "button",
          {
            type: "button",
            onclick: () => {
              this.choose(agent);
              this.results.hidden = true;
              this.canvas.focus();
            },
          },
          run.called(agent),
        ),
      ),
    );
    const more = found.length - items.length;
    if (more > 0)
      items.push(made("li", {}, `and ${whole(more)} more, ringed in the picture`));
    if (words && !found.length) items.push(made("li", {}, "nobody is called so"));
    this.results.replaceChildren(...items);
    this.results.hidden = !words;
    this.ask();
  }

  theme(name) {
    this.root.dataset.theme = name;
    this.options.ontheme?.(name);
    this.themeButton.textContent = name === "dark" ? "Light" : "Dark";
    this.themeButton.setAttribute(
      "aria-label",
      `Use a ${name === "dark" ? "light" : "dark"} background`,
    );
    this.fit();
  }

  fit() {
    if (!this.painter) return;
    this.painter.fit(this.root);
    this.across = this.days.clientWidth;
    this.paintCurves();
    this.movePlayhead();
    this.paint();
  }

  paintCurves() {
    this.behind = false; // the curves are not behind the run
    this.curved = performance.now();
    paintDays(this.curves, this.run, getComputedStyle(this.root), this.ghost);
  }

  /** Compare with another run, or with none. */
  besides(ghost) {
    this.ghost = ghost;
    this.told = null;
    this.paintCurves();
    this.tell();
  }

  /** Take note that the run has gone on, and move there in so many seconds. */
  grown(seconds) {
    const { run } = this;
    this.painter.provide();
    this.range.min = run.first;
    this.range.max = Math.max(run.first + 1, run.end);
    this.told = null;
    if (!this.following) this.tell();
    else if (this.calm.matches || seconds <= 0) this.show(run.last);
    else {
      this.rate = (run.last - this.day) / seconds;
      this.last = performance.now();
    }
    this.behind = true;
    this.ask();
  }

  /** Show a day, without that anybody asked for it. */
  show(day) {
    this.rate = 0;
    this.day = Math.max(this.run.first, Math.min(this.run.last, day));
    this.tell();
    this.ask();
  }

  turn(name) {
    if (name === this.layout) return;
    this.before = this.layout;
    this.layout = name;
    this.layouts[name].checked = true;
    this.options.onlayout?.(name);
    this.turned = this.calm.matches ? -Infinity : performance.now();
    this.keepAddress();
    this.told = null;
    this.tell();
    this.ask();
  }

  /** Show a day. */
  go(day, asked = true) {
    const { run } = this;
    this.day = Math.max(run.first, Math.min(run.last, day));
    this.rate = 0;
    this.following = this.live && this.day >= run.last;
    if (asked) this.fresh = false;
    this.options.onday?.(this.day);
    if (asked && !this.playing) {
      this.now.textContent = sentence(run, Math.round(this.day));
      this.keepAddress();
    }
    this.tell();
    this.ask();
  }

  toggle() {
    if (this.live) this.options.onplay?.();
    else if (this.playing) this.pause();
    else this.play();
  }

  play() {
    const { run } = this;
    if (this.live || run.last <= run.first) return;
    if (this.fresh || this.day >= run.last) this.go(run.first);
    this.playing = true;
    this.playButton.textContent = "Pause";
    this.playButton.setAttribute("aria-pressed", "true");
    this.last = performance.now();
    this.ask();
  }

  pause() {
    this.playing = false;
    this.playButton.textContent = "Play";
    this.playButton.setAttribute("aria-pressed", "false");
    this.now.textContent = sentence(this.run, Math.round(this.day));
    this.keepAddress();
    this.ask();
  }

  /** Let the address of the page lead to this day and layout. */
  keepAddress() {
    if (!this.keepsAddress || this.fresh) return;
    history.replaceState(
      null,
      "",
      `#day=${Math.round(this.day)}&layout=${this.layout}`,
    );
  }

  toChapter(way) {
    const days = this.run.header.chapters.map((one) => one.day),
      today = Math.round(this.day);
    const next =
      way > 0
        ? days.find((day) => day > today)
        : days.filter((day) => day < today).pop();
    this.pause();
    this.go(next ?? (way > 0 ? this.run.last : this.run.first));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    if (key === "Escape") {
      this.results.hidden = true;
      this.found = [];
      this.choose(-1);
      return;
    }
    if (target === this.search) return;
    const own = target.closest(
      "button, select, summary, input[type=radio], input[type=checkbox]",
    );
    const far = event.shiftKey ? 10 : 1,
      days = { ArrowLeft: -far, ArrowRight: far };
    const doing = {
      "[": () => this.toChapter(-1),
      "]": () => this.toChapter(1),
      "/": () => this.search.focus(),
      "+": () => this.faster(1),
      "=": () => this.faster(1),
      "-": () => this.faster(-1),
      d: () => this.theme(this.root.dataset.theme === "dark" ? "light" : "dark"),
      1: () => this.turn("sky"),
      2: () => this.turn("force"),
      3: () => this.turn("map"),
    };
    if (!own) {
      doing[" "] = () => this.toggle();
      doing.Home = () => this.go(this.run.first);
      doing.End = () => this.go(this.run.last);
      for (const name in days)
        doing[name] = () => this.go(Math.round(this.day) + days[name]);
    }
    if (!doing[key]) return;
    event.preventDefault();
    doing[key]();
  }

  faster(way) {
    const at = SPEEDS.indexOf(this.speed) + way;
    this.speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at))];
    this.speedField.value = String(this.speed);
  }

  // ---------------------------------------------------------------------- moving on

  ask() {
    if (!this.asked) this.asked = requestAnimationFrame((time) => this.step(time));
  }

  step(time) {
    this.asked = 0;
    if (this.rate && this.spares()) {
      if (time < this.due) {
        this.ask();
        return;
      }
      this.due = Math.max(time, (this.due ?? time) + SPARED);
    }
    if (this.playing) this.advance(time);
    else if (this.rate) this.follow(time);
    this.paint();
    if (this.behind && time >= this.curved + CURVED) this.paintCurves();
    const turns = performance.now() - this.turned < MORPH;
    if (this.playing || this.rate || turns || this.behind) this.ask();
  }

  advance(time) {
    const { run } = this,
      passed = Math.max(0, Math.min(250, time - this.last)),
      today = this.day;
    this.last = time;
    this.adapt(passed);
    let day = today + (passed / 1000) * this.speed;
    if (this.calm.matches) day = this.stepped(passed);
    const reached = run.header.chapters.find(
      (one) => one.day > today && one.day <= day,
    );
    if (reached && this.pauses.checked) {
      this.day = reached.day;
      this.pause();
      this.go(reached.day);
      return;
    }
    this.go(day, true);
    if (this.day >= run.last) this.pause();
  }

  /** Move on to the last day that is known. */
  follow(time) {
    const passed = Math.max(0, Math.min(250, time - this.last));
    this.last = time;
    this.adapt(passed);
    this.day = Math.min(this.run.last, this.day + (passed / 1000) * this.rate);
    if (this.day >= this.run.last) this.rate = 0;
    if (this.rate && time < (this.spoke ?? 0) + SPOKEN) this.movePlayhead();
    else {
      this.spoke = time;
      this.tell();
    }
  }

  /** Return the next snapshot day after a second, for those who want no movement. */
  stepped(passed) {
    this.waited = (this.waited || 0) + passed;
    if (this.waited < 1000) return this.day;
    this.waited = 0;
    return this.run.frames.find((day) => day > this.day) ?? this.run.last;
  }

  /** Tell whether processor time is left to a large society that is simulated. */
  spares() {
    return this.run.H + this.run.O > this.painter.many;
  }

  /** Draw fewer ties if frames come late, and more if there is time. */
  adapt(passed) {
    if (passed <= 0 || passed >= 250) return;
    const due = this.rate && this.spares() ? SPARED : FRAME;
    this.pace = 0.9 * (this.pace ?? due) + 0.1 * passed;
    if (this.pace > due + 2) this.budget = Math.max(LEAST_TIES, this.budget * 0.96);
    else if (this.pace < due + 1) this.budget = Math.min(MOST_TIES, this.budget * 1.02);
  }

  paint() {
    if (!this.painter || !this.painter.frame) return;
    const { day, layout, before, found } = this;
    const mix = Math.min(1, Math.max(0, (performance.now() - this.turned) / MORPH));
    const hovered = this.playing ? -1 : (this.hovered ?? -1);
    const focus = this.focus >= 0 ? this.focus : hovered;
    const moves = this.playing || this.rate;
    this.painter.budget = moves ? this.budget : MOST_TIES;
    this.painter.paint({ day, layout, before, mix, focus, found, moves });
    this.frames++;
  }

  movePlayhead() {
    const { run } = this,
      share = (this.day - run.first) / Math.max(1, run.end - run.first);
    this.head.style.transform = `translateX(${share * this.across}px)`;
  }

  /** Say in words what the picture shows. */
  tell() {
    const { run } = this,
      day = Math.round(this.day);
    this.movePlayhead();
    if (this.told === day && this.toldOf === this.focus) return;
    this.told = day;
    this.toldOf = this.focus;
    const told = readings(run, day),
      other = this.ghost ? readings(this.ghost, day) : {};
    for (const name in told) {
      const beside = other[name] && other[name] !== told[name] ? other[name] : "";
      const [now, was] = this.values[name];
      if (now.textContent !== told[name]) now.textContent = told[name];
      const words = beside ? `${this.options.besides ?? "beside it"}: ${beside}` : "";
      if (was.textContent !== words) was.textContent = words;
    }
    this.range.value = String(day);
    this.range.setAttribute("aria-valuetext", `day ${day}`);
    this.dayText.textContent = `Day ${whole(day)}`;
    this.tellChapter(day);
    const past = run.header.events.filter((event) => event.day <= day).pop();
    this.ticker.textContent = past
      ? `Day ${whole(past.day)}: ${past.text}${past.who ? ` ${past.who}.` : ""}`
      : "";
    this.canvas.setAttribute(
      "aria-label",
      `${LAYOUTS.find(([name]) => name === this.layout)[1]}, day ${day}`,
    );
    const lines = this.focus >= 0 ? about(run, this.focus, day) : [];
    this.aboutText.textContent = lines.length
      ? `${run.called(this.focus)}: ${lines.join("; ")}.`
      : "";
  }

  tellChapter(day) {
    const past = this.run.header.chapters.filter((one) => one.day <= day).pop();
    this.chapterTitle.textContent = past ? past.title : "The beginning";
    this.chapterText.textContent = past ? `Day ${whole(past.day)}. ${past.text}` : "";
  }
}

/** Return the day and the layout that the address of the page asks for, if it does. */
function addressed(run) {
  const asked = new URLSearchParams(location.hash.slice(1)),
    day = Number(asked.get("day") ?? NaN);
  const layout = LAYOUTS.map(([name]) => name).find(
    (name) => name === asked.get("layout"),
  );
  return { layout, day: day >= run.first && day <= run.last ? day : undefined };
}

function tableOf(caption, heads, rows) {
  const top = made(
    "tr",
    {},
    ...heads.map((head) => made("th", { scope: "col" }, head)),
  );
  const body = rows.map(([first, ...others]) =>
    made(
      "tr",
      {},
      made("th", { scope: "row" }, first),
      ...others.map((cell) => made("td", {}, cell)),
    ),
  );
  return made(
    "table",
    {},
    made("caption", {}, caption),
    made("thead", {}, top),
    made("tbody", {}, ...body),
  );
}

/** Show a run that goes on, of which the beginning is unpacked; return the view. */
export function mountGrowing(element, run, options = {}) {
  return new View(element, run, { ...options, live: true });
}

/** Show a packed run (bytes, or their base64) in an element; return the view. */
export async function mount(element, packed, options = {}) {
  const bytes = typeof packed === "string" ? bytesOf(packed) : packed;
  return new View(element, new Run(await unpack(bytes)), options);
}
