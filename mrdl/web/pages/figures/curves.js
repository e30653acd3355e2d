// Curves, drawn by plotly as SVG; its script is loaded when the first figure is drawn. Its WebGL needs eval, which the
// pages may not, so many points are drawn by scatter.js.

import { fill, h, said, toast } from "../dom.js";

const SCRIPT = "/static/plotly.js";
const HEIGHT = 300;
const scheme = window.matchMedia("(prefers-color-scheme: dark)");
let loading = null;

function plotly() {
  loading ??= new Promise((done, fail) => {
    const script = h("script", { src: SCRIPT });
    script.addEventListener("load", () => done(window.Plotly));
    script.addEventListener("error", () => {
      loading = null;
      script.remove();
      fail(new Error("The script that draws figures did not come; reload the page to try again."));
    });
    document.head.append(script);
  });
  return loading;
}

/** The colour of a CSS property, as "--done", in the scheme of now. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Tell `redraw` when the scheme changes, until `signal` ends. */
export function onScheme(redraw, signal) {
  scheme.addEventListener("change", redraw, { signal });
}

/**
 * A figure of curves. title: its name, for files and for those who do not see; x, y: of its axes; whole: whether x
 * counts, so that its ticks are whole.
 *
 * Gives {node, buttons, draw}. draw(series, {lines, words, share}): series are {name, x, y, colour: "--done", dash,
 * width, opacity, marks, size, quiet}; lines across are {y or x, name}; words say what is seen; share: whether y is one
 * of 0..1.
 */
export function curves({ title, x, y, whole = false, height = HEIGHT }, signal) {
  const place = h(
    "div",
    { class: "plot", role: "img", "aria-label": title, style: { minHeight: `${height}px` } },
    h("p", { class: "loading" }, "Drawing…"),
  );
  let last = null;
  let drawn = false;
  // plotly follows the window alone: drawn before it has a place on the page, a figure keeps a width of its own
  const fit = () => {
    const width = place.classList.contains("js-plotly-plot") && place.isConnected ? place.clientWidth : 0;
    if (width && place._fullLayout && place._fullLayout.width !== width) window.Plotly.Plots.resize(place);
  };
  const redraw = async () => {
    try {
      const Plotly = await plotly();
      if (signal.aborted || !last) return;
      if (!drawn) fill(place);
      drawn = true;
      const { series, lines, share } = last;
      const layout = layoutOf({ x, y, whole, share, height }, series, lines);
      await Plotly.react(place, series.map(traceOf), layout, {
        displayModeBar: false,
        responsive: true,
        doubleClick: false,
      });
      fit();
    } catch (error) {
      fill(place, said(error.message));
    }
  };
  const draw = (series, { lines = [], words = "", share = false } = {}) => {
    last = { series, lines, share };
    place.setAttribute("aria-label", [title, words].filter(Boolean).join(": "));
    return redraw();
  };
  onScheme(redraw, signal);
  const sizes = new ResizeObserver(fit);
  sizes.observe(place);
  signal.addEventListener("abort", () => {
    sizes.disconnect();
    if (drawn) window.Plotly?.purge(place);
  });
  const save = (format) => () =>
    drawn
      ? plotly().then((p) =>
          p.downloadImage(place, {
            format,
            filename: title,
            width: 1000,
            height: 560,
            scale: format === "png" ? 2 : 1,
          }),
        )
      : toast("The figure is not drawn yet.");
  return { node: place, buttons: saveButtons(title, save), draw };
}

/** Buttons that save a figure. save(format) gives what is done on a click. */
export function saveButtons(title, save) {
  return ["png", "svg"].map((format) =>
    h(
      "button",
      {
        type: "button",
        class: "quiet slim",
        "aria-label": `Save ${title} as ${format.toUpperCase()}`,
        onclick: save(format),
      },
      format.toUpperCase(),
    ),
  );
}

function traceOf(one) {
  return {
    type: "scatter",
    mode: one.marks ? "markers" : one.x.length < 30 && !one.quiet ? "lines+markers" : "lines",
    name: plain(one.name),
    x: one.x,
    y: one.y,
    opacity: one.opacity ?? 1,
    showlegend: !one.quiet && one.name !== "",
    hoverinfo: one.quiet ? "skip" : "all",
    line: { color: colour(one.colour), width: one.width ?? 2.5, dash: one.dash ?? "solid" },
    marker: {
      color: colour(one.colour),
      size: one.size ?? (one.marks ? 11 : 5),
      symbol: one.marks ?? "circle",
      line: { color: colour("--raised"), width: one.marks && !one.size ? 2 : 0 },
    },
  };
}

/** A name as plotly shows it as it is: it takes tags for markup. */
function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function layoutOf({ x, y, whole, share, height }, series, lines) {
  const axis = {
    color: colour("--muted"),
    gridcolor: colour("--line"),
    linecolor: colour("--line"),
    zeroline: false,
    tickfont: { size: 12 },
    automargin: true,
    fixedrange: true,
  };
  const longest = Math.max(0, ...series.map((one) => Math.max(...one.x, 0)));
  return {
    height,
    autosize: true,
    margin: { l: 50, r: 16, t: 8, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, color: colour("--text"), size: 13 },
    dragmode: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: colour("--raised"), bordercolor: colour("--edge"), font: { color: colour("--text") } },
    legend: { orientation: "h", y: -0.2, yanchor: "top", x: 0 },
    xaxis: {
      ...axis,
      title: { text: x, standoff: 6, font: { size: 12 } },
      ...(whole && longest < 12 ? { dtick: 1 } : {}),
    },
    yaxis: {
      ...axis,
      title: { text: y, standoff: 8, font: { size: 12 } },
      ...(share ? { tickformat: ".0%", hoverformat: ".2%" } : { hoverformat: ".4~g" }),
    },
    shapes: lines.map((line) => across(line)),
    annotations: lines.filter((line) => line.name).map((line) => named(line)),
  };
}

function across({ x, y }) {
  const upright = x !== undefined;
  const ends = upright ? { x0: x, x1: x, y0: 0, y1: 1, yref: "paper" } : { y0: y, y1: y, x0: 0, x1: 1, xref: "paper" };
  return { type: "line", ...ends, line: { color: colour("--muted"), width: 1.5, dash: "dot" } };
}

function named({ x, y, name }) {
  const upright = x !== undefined;
  const place = upright
    ? { x, y: 1, yref: "paper", yanchor: "top", xanchor: "right" }
    : { y, x: 1, xref: "paper", xanchor: "right", yanchor: "bottom" };
  return { ...place, text: plain(name), showarrow: false, font: { size: 12, color: colour("--muted") } };
}
