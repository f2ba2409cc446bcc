"use strict";
// The behaviour of the page. Data is only ever put in as text (textContent), never as markup.
const graph = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);
const svg = by("graph"), view = by("view"), listing = by("listing"), details = by("details");
const nodeElements = [...view.querySelectorAll("[data-node]")].sort((a, b) => a.dataset.node - b.dataset.node);
const edgeElements = new Map([...view.querySelectorAll("[data-edge]")].map((e) => [Number(e.dataset.edge), e]));
const incoming = graph.nodes.map(() => []), outgoing = graph.nodes.map(() => []);
graph.edges.forEach((edge, i) => { outgoing[edge.from].push(i); incoming[edge.to].push(i); });

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// ---- where the picture stands: x and y of its origin, and its scale

const place = { x: 0, y: 0, scale: 1 };
const MARGIN = 24;

function show() {
  view.setAttribute("transform", `translate(${place.x} ${place.y}) scale(${place.scale})`);
}

function zoom(factor, x, y) {
  const box = svg.getBoundingClientRect();
  const [cx, cy] = x === undefined ? [box.width / 2, box.height / 2] : [x - box.left, y - box.top];
  const scale = Math.min(4, Math.max(0.02, place.scale * factor));
  place.x = cx - (cx - place.x) * scale / place.scale;
  place.y = cy - (cy - place.y) * scale / place.scale;
  place.scale = scale;
  show();
}

function fit(least) {
  const box = svg.getBoundingClientRect(), top = by("roles").offsetHeight + 12;
  const whole = Math.min((box.width - 2 * MARGIN) / graph.width, (box.height - top - 2 * MARGIN) / graph.height);
  const scale = Math.min(1.25, Math.max(whole, least));
  place.scale = scale;
  place.x = Math.max(MARGIN, (box.width - graph.width * scale) / 2);
  if (graph.width * scale > box.width) place.x = (box.width - graph.width * scale) / 2;
  place.y = top + Math.max(MARGIN, (box.height - top - graph.height * scale) / 2 - MARGIN);
  if (graph.height * scale > box.height - top) place.y = top + MARGIN / 2;
  show();
}

function centre(node) {
  const box = svg.getBoundingClientRect(), at = nodeElements[node].getBoundingClientRect();
  const inside = at.left > box.left + 20 && at.right < box.right - 20 && at.top > box.top + 40 && at.bottom < box.bottom - 40;
  if (inside && place.scale > 0.3) return;
  if (place.scale < 0.55) zoom(0.8 / place.scale);
  const now = nodeElements[node].getBoundingClientRect();
  place.x += box.left + box.width / 2 - (now.left + now.right) / 2;
  place.y += box.top + box.height / 2 - (now.top + now.bottom) / 2;
  show();
}

svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  const step = event.deltaMode === 1 ? event.deltaY * 18 : event.deltaY;
  zoom(Math.exp(-Math.max(-120, Math.min(120, step)) / 500), event.clientX, event.clientY);
}, { passive: false });

const pointers = new Map();
let moved = 0;
svg.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  moved = 0;
});
window.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = [event.clientX, event.clientY];
  if (pointers.size === 2) {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const distance = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
    zoom(distance(now) / Math.max(1, distance(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  } else {
    place.x += now[0] - before[0];
    place.y += now[1] - before[1];
    show();
  }
  moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
  if (moved > 4) svg.classList.add("moving");
  pointers.set(event.pointerId, now);
});
for (const kind of ["pointerup", "pointercancel"]) {
  window.addEventListener(kind, (event) => {
    pointers.delete(event.pointerId);
    svg.classList.remove("moving");
  });
}

// ---- kinds of edges, and how far to follow them

const hidden = new Set();
let chosen = null, far = true;

function line(kind) {
  const make = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const picture = make("svg", { width: 24, height: 8, "aria-hidden": "true" });
  const sample = edgeElements.get(graph.edges.findIndex((edge) => edge.kind === kind));
  const style = sample ? getComputedStyle(sample) : null;
  picture.append(make("path", {
    d: "M0 4H24", fill: "none", stroke: style ? style.stroke : "currentColor",
    "stroke-width": 2, "stroke-dasharray": style ? style.strokeDasharray : "none",
  }));
  return picture;
}

function buildKinds() {
  by("kinds").replaceChildren(...graph.kinds.map((kind) => {
    const button = element("button");
    button.type = "button";
    button.title = `Show or hide ${kind} dependencies`;
    button.append(line(kind), kind);
    button.setAttribute("aria-pressed", String(!hidden.has(kind)));
    button.addEventListener("click", () => {
      if (!hidden.delete(kind)) hidden.add(kind);
      graph.edges.forEach((edge, i) => edgeElements.get(i)?.classList.toggle("off", hidden.has(edge.kind)));
      button.setAttribute("aria-pressed", String(!hidden.has(kind)));
      showFolds();
      choose(chosen);
    });
    return button;
  }));
}

function buildRoles() {
  by("roles").replaceChildren(...graph.roles.map((role) => {
    const sample = nodeElements[graph.nodes.findIndex((node) => node.role === role)].querySelector(".box");
    const style = getComputedStyle(sample), swatch = element("b");
    Object.assign(swatch.style, { width: "14px", height: "10px", borderRadius: "3px", background: style.fill, border: `1px solid ${style.stroke}`, borderLeftWidth: "4px" });
    const entry = element("span");
    entry.append(swatch, role);
    return entry;
  }));
}

// ---- clusters, which fold: their heads then stand for all that is in them

const clusterElements = [...view.querySelectorAll(".cluster")];
const titleElements = [...view.querySelectorAll(".cluster-title")];
const folded = new Set();
const foldButtons = [];
let substitutes = [];

// The outermost folded cluster that a cluster lies in.
function fold(cluster) {
  let found = null;
  for (let at = cluster; at !== null; at = graph.clusters[at].parent) if (folded.has(at)) found = at;
  return found;
}

function box(node) {
  const [x, y] = nodeElements[node].getAttribute("transform").match(/-?[\d.]+/g).map(Number);
  const rect = nodeElements[node].querySelector(".box");
  return { x: x + rect.getAttribute("width") / 2, top: y, bottom: y + Number(rect.getAttribute("height")) };
}

function showFolds() {
  const standsFor = graph.nodes.map((node, i) => {
    const at = fold(node.cluster);
    return at === null ? i : graph.clusters[at].head;
  });
  nodeElements.forEach((made, i) => made.classList.toggle("folded", standsFor[i] !== i));
  let title = 0;
  clusterElements.forEach((made, i) => {
    const { head, parent } = graph.clusters[i], isInside = fold(parent) !== null;
    made.classList.toggle("folded", isInside || folded.has(i));
    if (head === null) titleElements[title++].classList.toggle("folded", isInside);
    foldButtons[i].classList.toggle("folded", isInside);
    foldButtons[i].textContent = folded.has(i) ? "+" : "\u2212";
    foldButtons[i].setAttribute("aria-expanded", String(!folded.has(i)));
  });
  substitutes.forEach((made) => made.remove());
  substitutes = [];
  const drawn = new Set();
  graph.edges.forEach((edge, i) => {
    const from = standsFor[edge.from], to = standsFor[edge.to], key = `${from} ${to} ${edge.kind}`;
    const isMoved = from !== edge.from || to !== edge.to;
    edgeElements.get(i)?.classList.toggle("folded", isMoved);
    if (!isMoved || from === null || to === null || from === to || hidden.has(edge.kind) || drawn.has(key)) return;
    drawn.add(key);
    const made = document.createElementNS("http://www.w3.org/2000/svg", "path"), a = box(from), b = box(to);
    made.setAttribute("class", `edge ${edge.kind}`);
    made.setAttribute("marker-end", `url(#arrow-${edge.kind})`);
    made.setAttribute("d", `M${a.x} ${a.bottom}L${b.x} ${b.top}`);
    view.insertBefore(made, nodeElements[0]);
    substitutes.push(made);
  });
}

function toggleFold(cluster) {
  if (!folded.delete(cluster)) folded.add(cluster);
  showFolds();
}

// Folds all clusters, or unfolds them when one is folded.
function toggleFolds() {
  if (folded.size) folded.clear();
  else graph.clusters.forEach((_, i) => folded.add(i));
  showFolds();
}

// Unfolds what a node lies in.
function reveal(node) {
  if (fold(graph.nodes[node].cluster) === null) return;
  for (let at = graph.nodes[node].cluster; at !== null; at = graph.clusters[at].parent) folded.delete(at);
  showFolds();
}

clusterElements.forEach((made, i) => {
  const button = document.createElementNS("http://www.w3.org/2000/svg", "text");
  const at = (name) => Number(made.getAttribute(name));
  button.setAttribute("class", "fold");
  button.setAttribute("x", at("x") + at("width") - 16);
  button.setAttribute("y", at("y") + 18);
  button.setAttribute("tabindex", "0");
  button.setAttribute("role", "button");
  button.setAttribute("aria-label", "Fold or unfold (f: all)");
  button.addEventListener("click", (event) => { event.stopPropagation(); if (moved <= 4) toggleFold(i); });
  button.addEventListener("keydown", (event) => { if (event.key === "Enter") toggleFold(i); });
  foldButtons.push(button);
  view.append(button);
});

// ---- what a node depends on, and what depends on it

function closure(start, edgesOf, end) {
  const nodes = new Set(), edges = new Set(), waiting = [start];
  while (waiting.length) {
    for (const i of edgesOf[waiting.pop()]) {
      if (hidden.has(graph.edges[i].kind)) continue;
      edges.add(i);
      const next = graph.edges[i][end];
      if (next === start || nodes.has(next)) continue;
      nodes.add(next);
      if (far) waiting.push(next);
    }
  }
  return { nodes, edges };
}

const nothing = { nodes: new Set(), edges: new Set() };

function choose(node) {
  chosen = node;
  if (node !== null) reveal(node);
  const up = node === null ? nothing : closure(node, incoming, "from");
  const down = node === null ? nothing : closure(node, outgoing, "to");
  svg.classList.toggle("picked", node !== null);
  nodeElements.forEach((made, i) => {
    made.classList.toggle("chosen", i === node);
    made.classList.toggle("up", up.nodes.has(i));
    made.classList.toggle("down", down.nodes.has(i));
  });
  edgeElements.forEach((made, i) => {
    made.classList.toggle("up", up.edges.has(i));
    made.classList.toggle("down", down.edges.has(i));
  });
  if (node !== null && graph.nodes[node].line > 0) showSource(graph.nodes[node].source);
  markLines(node, up.nodes, down.nodes);
  describe(node, up.nodes.size, down.nodes.size);
}

function describe(node, nUp, nDown) {
  if (node === null) {
    const n = graph.nodes.length, m = graph.edges.length;
    details.replaceChildren(element("p", `${n} statements and outside states, ${m} dependencies. Click one, in the picture or in the source.`));
    return;
  }
  const { label, number, role, names } = graph.nodes[node];
  const parts = [element("p", label, "what")];
  const bound = names.length ? `, binds ${names.join(", ")}` : "";
  parts.push(element("p", `${number ? `line ${number}, ` : ""}${role}${bound}`));
  const list = (title, edges, end) => {
    const shown = edges.filter((i) => !hidden.has(graph.edges[i].kind));
    parts.push(element("h2", title));
    const ul = element("ul");
    for (const i of shown) {
      const edge = graph.edges[i], other = graph.nodes[edge[end]], item = element("li");
      item.tabIndex = 0;
      item.append(element("span", other.number || "–"), element("code", other.label));
      item.append(element("span", edge.kind + (edge.names.length ? `: ${edge.names.join(", ")}` : "")));
      const go = () => { choose(edge[end]); centre(edge[end]); };
      item.addEventListener("click", go);
      item.addEventListener("keydown", (event) => { if (event.key === "Enter") go(); });
      ul.append(item);
    }
    if (!shown.length) ul.append(element("p", "nothing"));
    parts.push(ul);
  };
  const all = (n) => (far ? ` (${n} all the way)` : "");
  list(`depends on${all(nUp)}`, incoming[node], "from");
  list(`used by${all(nDown)}`, outgoing[node], "to");
  details.replaceChildren(...parts);
  details.scrollTop = 0;
}

nodeElements.forEach((made, i) => {
  made.setAttribute("tabindex", "0");
  made.setAttribute("role", "button");
  made.addEventListener("click", (event) => { event.stopPropagation(); if (moved <= 4) choose(i); });
  made.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(i); });
});
svg.addEventListener("click", () => { if (moved <= 4) choose(null); });

// ---- the source

const KEYWORDS = "False None True and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield";
const TOKEN = new RegExp(
  "(?<c>#[^\\n]*)|(?<s>[rbfutRBFUT]{0,2}(?:\"\"\"[^]*?(?:\"\"\"|$)|'''[^]*?(?:'''|$)|\"(?:\\\\[^]|[^\"\\\\\\n])*\"?|'(?:\\\\[^]|[^'\\\\\\n])*'?))" +
  `|(?<k>\\b(?:${KEYWORDS.replaceAll(" ", "|")})\\b)|(?<n>\\b\\d[\\w.]*)|\\w+`, "g");
let shown = null;
const rows = new Map();

function highlighted(text) {
  const lines = [[]];
  const add = (piece, kind) => piece.split("\n").forEach((part, i) => {
    if (i) lines.push([]);
    if (part) lines[lines.length - 1].push(kind ? element("span", part, kind) : part);
  });
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    add(text.slice(at, match.index));
    const kind = Object.entries(match.groups).find(([, value]) => value !== undefined);
    add(match[0], kind && kind[0]);
    at = match.index + match[0].length;
  }
  add(text.slice(at));
  return lines;
}

function nodeAt(source, lineNumber) {
  let best = null;
  graph.nodes.forEach((node, i) => {
    if (node.line === 0 || node.source !== source || lineNumber < node.line || lineNumber > node.last) return;
    const size = node.last - node.line;
    if (best === null || size < graph.nodes[best].last - graph.nodes[best].line) best = i;
  });
  return best;
}

function showSource(source) {
  if (shown === source) return;
  shown = source;
  rows.clear();
  [...by("sources").children].forEach((tab, i) => tab.setAttribute("aria-pressed", String(i === source)));
  const text = graph.sources[source]?.text;
  if (!text) {
    listing.replaceChildren(element("div", "The text of this source is not in the page.", "none"));
    return;
  }
  listing.replaceChildren(...highlighted(text).map((pieces, i) => {
    const row = element("div", undefined, "row");
    const code = element("code");
    code.append(...pieces);
    row.append(element("i", String(i + 1)), code);
    const node = nodeAt(source, i + 1);
    if (node !== null) {
      row.classList.add("known");
      row.addEventListener("click", () => {
        if (getSelection().isCollapsed) { choose(node); centre(node); }
      });
    }
    rows.set(i + 1, row);
    return row;
  }));
}

function markLines(node, up, down) {
  for (const row of rows.values()) row.classList.remove("up", "down", "chosen");
  const mark = (i, kind) => {
    const { source, line: first, last } = graph.nodes[i];
    if (source !== shown || first === 0) return;
    for (let at = first; at <= last; at += 1) rows.get(at)?.classList.add(kind);
  };
  up.forEach((i) => mark(i, "up"));
  down.forEach((i) => mark(i, "down"));
  if (node === null) return;
  mark(node, "chosen");
  if (graph.nodes[node].line > 0 && graph.nodes[node].source === shown) {
    rows.get(graph.nodes[node].line)?.scrollIntoView({ block: "center", inline: "nearest" });
  }
}

function buildSources() {
  if (graph.sources.length > 1) {
    by("sources").replaceChildren(...graph.sources.map((source, i) => {
      const tab = element("button", source.path.split(/[\\/]/).pop());
      tab.type = "button";
      tab.title = source.path;
      tab.addEventListener("click", () => { showSource(i); choose(chosen !== null && graph.nodes[chosen].source === i ? chosen : null); });
      return tab;
    }));
  }
  showSource(0);
}

// ---- search

let found = [], at = 0;

function search() {
  const wanted = by("search").value.trim().toLowerCase();
  const matches = (node) => [node.label, node.number, ...node.names].some((text) => text.toLowerCase().includes(wanted));
  found = wanted ? graph.nodes.flatMap((node, i) => (matches(node) ? [i] : [])) : [];
  at = 0;
  svg.classList.toggle("sought", wanted !== "" && chosen === null);
  nodeElements.forEach((made, i) => made.classList.toggle("found", found.includes(i)));
  by("found").textContent = wanted ? `${found.length ? 1 : 0} of ${found.length}` : "";
  if (found.length) centre(found[0]);
}

function step(by_) {
  if (!found.length) return;
  at = (at + by_ + found.length) % found.length;
  by("found").textContent = `${at + 1} of ${found.length}`;
  choose(found[at]);
  svg.classList.remove("sought");
  centre(found[at]);
}

by("search").addEventListener("input", () => { choose(null); search(); });
by("search").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  if (chosen === null && found.length) at = event.shiftKey ? 0 : -1;
  step(event.shiftKey ? -1 : 1);
});

// ---- buttons and keys

function toggleReach() {
  far = !far;
  by("reach").textContent = far ? "all the way" : "one step";
  by("reach").setAttribute("aria-pressed", String(far));
  choose(chosen);
}

function setDark(dark) {
  document.documentElement.classList.toggle("dark", dark);
  buildKinds();
  buildRoles();
}

function togglePanel() {
  const hiddenNow = document.body.classList.toggle("without-panel");
  by("side").setAttribute("aria-pressed", String(!hiddenNow));
}

function clear() {
  by("search").value = "";
  search();
  choose(null);
  svg.focus();
}

const preference = matchMedia("(prefers-color-scheme: dark)");
preference.addEventListener("change", () => setDark(preference.matches));
const toggleTheme = () => setDark(!document.documentElement.classList.contains("dark"));
by("reach").addEventListener("click", toggleReach);
by("smaller").addEventListener("click", () => zoom(1 / 1.25));
by("larger").addEventListener("click", () => zoom(1.25));
by("fit").addEventListener("click", () => fit(0));
by("theme").addEventListener("click", toggleTheme);
by("side").addEventListener("click", togglePanel);

const move = (x, y) => () => { place.x += x; place.y += y; show(); };
const KEYS = {
  "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(1 / 1.25), "0": () => fit(0),
  ArrowLeft: move(60, 0), ArrowRight: move(-60, 0), ArrowUp: move(0, 60), ArrowDown: move(0, -60),
  "/": () => by("search").select(), n: () => step(1), p: () => step(-1), d: toggleReach, f: toggleFolds, t: toggleTheme, s: togglePanel,
};
window.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { clear(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
  if (event.key.startsWith("Arrow") && event.target.closest("aside")) return;
  const action = KEYS[event.key];
  if (action) { event.preventDefault(); action(); }
});

by("divider").addEventListener("pointerdown", (event) => {
  event.preventDefault();
  const drag = (now) => { by("panel").style.width = `${Math.max(240, innerWidth - now.clientX)}px`; };
  const stop = () => { window.removeEventListener("pointermove", drag); window.removeEventListener("pointerup", stop); };
  window.addEventListener("pointermove", drag);
  window.addEventListener("pointerup", stop);
});

// ---- begin

buildSources();
showFolds();
setDark(preference.matches);
choose(null);
fit(0.35);
// A place in the page's address (#line=12) chooses what stands there.
const wantedLine = Number(new URLSearchParams(location.hash.slice(1)).get("line"));
if (wantedLine) {
  const node = nodeAt(0, wantedLine);
  if (node !== null) { choose(node); centre(node); }
}
