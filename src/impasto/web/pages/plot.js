// The loss over the evaluations, as a line on a logarithmic scale.
import { $ } from "./dom.js";
import { text } from "./text.js";

const WIDTH = 600, HEIGHT = 140, MAX_POINTS = 600;
const SVG = "http://www.w3.org/2000/svg";

function node(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export function plot(losses) {
  const step = Math.ceil(losses.length / MAX_POINTS);
  const points = losses.filter((loss, index) => loss > 0 && (index % step === 0 || index === losses.length - 1)).map(Math.log);
  if (points.length < 2) { $("plot").replaceChildren(); return; }
  const low = Math.min(...points), span = Math.max(...points) - low || 1;
  const point = (value, index) => `${(index / (points.length - 1) * WIDTH).toFixed(1)},${(8 + (1 - (value - low) / span) * (HEIGHT - 16)).toFixed(1)}`;
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${text.loss} ${losses.at(-1).toPrecision(4)}` });
  for (const y of [8, HEIGHT / 2, HEIGHT - 8]) svg.append(node("line", { class: "grid", x1: 0, x2: WIDTH, y1: y, y2: y }));
  svg.append(node("polyline", { points: points.map(point).join(" ") }));
  $("plot").replaceChildren(svg);
}
