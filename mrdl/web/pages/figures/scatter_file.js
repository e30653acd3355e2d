// The points of a sweep as a file: what the canvas shows as PNG, and as SVG.

import { h } from "../dom.js";
import { colour } from "./curves.js";
import { STATES } from "./scatter_points.js";

const FONT = 'font-family="sans-serif" font-size="12"';

/** Save what a canvas shows, on the ground that it stands on. */
export function canvasFile(canvas, ground) {
  const whole = h("canvas");
  Object.assign(whole, { width: canvas.width, height: canvas.height });
  const context = whole.getContext("2d");
  context.fillStyle = ground;
  context.fillRect(0, 0, whole.width, whole.height);
  context.drawImage(canvas, 0, 0);
  whole.toBlob((blob) => save(blob, "designs.png"));
}

/** Save the points as SVG, a square each. scatter: a Scatter that was drawn. */
export function svgFile(scatter, height) {
  const width = scatter.node.clientWidth;
  const [half, alpha] = scatter.size();
  const parts = [`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ${FONT}>`];
  parts.push(`<rect width="100%" height="100%" fill="${colour("--raised")}"/>`);
  for (const [kind, ...rest] of scatter.axes()) parts.push(kind === "line" ? line(rest) : words(rest));
  const side = `width="${2 * half}" height="${2 * half}"`;
  STATES.forEach((state, number) => {
    parts.push(`<g fill="${colour(`--${state}`)}" fill-opacity="${alpha}">`);
    scatter.points.state.forEach((one, i) => {
      const place = one === number ? scatter.place(i) : null;
      if (place) parts.push(`<rect x="${(place[0] - half).toFixed(1)}" y="${(place[1] - half).toFixed(1)}" ${side}/>`);
    });
    parts.push("</g>");
  });
  parts.push("</svg>");
  save(new Blob(parts, { type: "image/svg+xml" }), "designs.svg");
}

function line([x0, y0, x1, y1, name, dash]) {
  const stroke = `stroke="${colour(name)}" stroke-dasharray="${(dash ?? []).join(" ")}"`;
  return `<line x1="${x0}" y1="${y0}" x2="${x1}" y2="${y1}" ${stroke}/>`;
}

/** The words of an axis: ours, none that somebody chose. */
function words([text, x, y, align]) {
  const anchor = { right: "end", center: "middle" }[align] ?? "start";
  return `<text x="${x}" y="${y + 4}" text-anchor="${anchor}" fill="${colour("--muted")}">${text}</text>`;
}

/** Save bytes as a file of a name. */
export function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
