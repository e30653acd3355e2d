// The page Workers: this machine and the cluster's nodes, what is free and what runs there.

import { get } from "./api.js";
import { badge, bar, count, empty, fill, h, number, percent, said, table } from "./dom.js";

const EVERY_MS = 5000;

export async function show(root, { signal }) {
  const told = h("div");
  const box = h("div", { class: "stack" });
  let timer = 0;
  let last = "";
  const load = async () => {
    clearTimeout(timer);
    try {
      const found = await get("/api/workers", { signal });
      fill(told);
      const json = JSON.stringify(found);
      if (json !== last) fill(box, machine(found.this_machine), cluster(found.yarn));
      last = json;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!last) throw error;
      fill(told, said(error.message));
    }
    timer = setTimeout(look, EVERY_MS);
  };
  const look = () =>
    document.hidden ? document.addEventListener("visibilitychange", load, { once: true, signal }) : load();
  root.append(h("h1", null, "Workers"), told, box);
  await load();
  return () => clearTimeout(timer);
}

// --- this machine ---

function machine({ cores, memory_mb, free_mb, running }) {
  const used = memory_mb ? 1 - free_mb / memory_mb : null;
  const figures = [
    figure("Cores", number(cores)),
    figure("Memory", megabytes(memory_mb)),
    figure("Free", megabytes(free_mb), used === null ? null : bar("Memory in use", Math.min(1, Math.max(0, used)))),
    figure("Running", number(running.length)),
  ];
  const rows = running.map((one) =>
    h("tr", null, h("td", null, session(one.key)), h("td", { class: "right" }, one.pid), h("td", null, command(one))),
  );
  const head = h("th", { scope: "col", class: "right" }, "Process");
  return h(
    "section",
    { class: "card stack", "aria-label": "This machine" },
    h("h2", null, "This machine"),
    h("div", { class: "figures-line" }, figures),
    rows.length
      ? table("What runs on this machine", ["Session", head, "Command"], rows)
      : h("p", { class: "muted" }, "Nothing of this folder runs here now."),
  );
}

function session(key) {
  return key ? h("a", { href: `/s/${encodeURIComponent(key)}` }, key.length > 16 ? `${key.slice(0, 12)}…` : key) : "–";
}

function command({ command: words }) {
  return h("code", { class: "small" }, words);
}

function figure(of, is, more) {
  return h("div", { class: "figure" }, h("span", { class: "of" }, of), h("span", { class: "is" }, is), more);
}

function megabytes(mb) {
  return mb === null || mb === undefined ? "–" : mb < 1024 ? `${number(mb)} MB` : `${number(mb / 1024, 3)} GB`;
}

// --- the cluster ---

function cluster(yarn) {
  const title = h("h2", null, "The cluster");
  const section = (...parts) => h("section", { class: "card stack", "aria-label": "The cluster" }, title, parts);
  if (!yarn) {
    const words = "Tasks run on this machine. To use a cluster, start “mrdl web -r hadoop” where its YARN is set up.";
    return section(h("p", { class: "muted" }, words));
  }
  if (!yarn.ok) {
    const rest = "Everything else works: what runs on this machine goes on, and tables and reports can be read.";
    return section(
      h("div", { class: "line" }, badge("failed"), h("strong", null, "YARN is down")),
      said(yarn.words),
      h("p", { class: "muted" }, rest),
    );
  }
  const slots = sum(yarn.nodes, "slots");
  const memory = sum(yarn.nodes, "memory_mb");
  const figures = [
    figure("Nodes", number(yarn.nodes.length)),
    figure("Slots", number(slots)),
    figure(
      "Memory",
      megabytes(memory),
      memory ? bar("Memory in use", Math.min(1, sum(yarn.nodes, "used_mb") / memory)) : null,
    ),
    figure("Tasks that run", number(sum(yarn.nodes, "running"))),
  ];
  return section(
    yarn.words ? said(yarn.words, "warning") : null,
    h("div", { class: "figures-line" }, figures),
    nodes(yarn.nodes),
    applications(yarn.applications),
  );
}

function sum(rows, name) {
  return rows.reduce((all, one) => all + (one[name] ?? 0), 0);
}

function nodes(found) {
  if (!found.length) return empty("No node", "YARN answers, but no node of it is up. Look at its NodeManagers.");
  const right = (words) => h("th", { scope: "col", class: "right" }, words);
  const rows = found.map((one) => {
    const share = one.memory_mb ? Math.min(1, one.used_mb / one.memory_mb) : 0;
    return h(
      "tr",
      null,
      h("th", { scope: "row", class: "name" }, one.name),
      h("td", { class: "right" }, number(one.slots)),
      h("td", { class: "right" }, number(one.running)),
      h(
        "td",
        { class: "load" },
        bar(`Memory of ${one.name} in use`, share),
        h("span", { class: "small muted" }, `${percent(share, 0)} of ${megabytes(one.memory_mb)}`),
      ),
    );
  });
  return table("Nodes of the cluster", ["Node", right("Slots"), right("Running"), "Memory"], rows);
}

function applications(found) {
  if (!found?.length) return h("p", { class: "muted" }, "No application runs on the cluster now.");
  const rows = found.map((one) => {
    const share = typeof one.progress === "number" ? Math.min(1, one.progress / 100) : null;
    return h(
      "tr",
      null,
      h("td", null, one.name, h("div", { class: "small muted" }, one.id)),
      h("td", null, one.user),
      h("td", null, String(one.state ?? "").toLowerCase()),
      h(
        "td",
        { class: "load" },
        share === null ? "–" : bar(`Progress of ${one.name}`, share),
        share === null ? null : h("span", { class: "small muted" }, percent(share, 0)),
      ),
    );
  });
  return [
    h("h3", null, count(found.length, "application")),
    table("Applications of the cluster", ["Application", "User", "State", "Progress"], rows),
  ];
}
