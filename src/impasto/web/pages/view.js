// The canvas: a film, or a picture, before and after by a slider, side by side, or at full size.
import { $, button, h } from "./dom.js";
import { text } from "./text.js";

const LOOKS = ["picture", "compare", "side", "actual"];
const NEEDS_BOTH = new Set(["compare", "side"]);
let look = "picture";
let position = 50;
let loadedImage = null; // the picture that was loaded last; while it is held, an element that shows it needs no second request
let pictures = { before: null, after: null, full: null, film: null };

function image(source, alt) { return h("img", { src: source, alt, draggable: false }); }

function comparison() {
  const after = image(pictures.after, text.after);
  const edge = h("div", { className: "edge" });
  const frame = h("div", { className: "frame" }, image(pictures.before, text.before), after);
  const slider = h("input", { type: "range", className: "handle", min: 0, max: 100, step: 0.5, value: position, "aria-label": text.slider });
  const move = () => {
    position = Number(slider.value);
    const box = shownBox(after, frame);
    const x = box.left + box.width * position / 100;
    after.style.clipPath = `inset(0 0 0 ${x}px)`;
    edge.style.left = `${x - 1}px`;
    slider.style.left = `${box.left}px`;
    slider.style.width = `${box.width}px`;
  };
  const follow = event => { // Safari on a phone moves a slider by its thumb only
    if (!event.buttons) return;
    const box = slider.getBoundingClientRect();
    slider.value = 100 * (event.clientX - box.left) / box.width;
    move();
  };
  slider.addEventListener("input", move);
  for (const name of ["pointerdown", "pointermove"]) slider.addEventListener(name, follow);
  after.addEventListener("load", move);
  new ResizeObserver(move).observe(frame);
  frame.append(slider, edge);
  return h("div", { className: "view" }, frame);
}

// The box that a picture fills in its frame.
function shownBox(picture, frame) {
  const factor = Math.min(frame.clientWidth / (picture.naturalWidth || 1), frame.clientHeight / (picture.naturalHeight || 1));
  const width = picture.naturalWidth * factor || frame.clientWidth;
  return { width, left: (frame.clientWidth - width) / 2 };
}

function frames(...sources) {
  return h("div", { className: sources.length > 1 ? "view side" : "view" }, sources.map(([source, alt]) => h("div", { className: "frame" }, image(source, alt))));
}

function body() {
  const { before, after, full, film } = pictures;
  if (film) return h("div", { className: "view" }, h("div", { className: "frame" }, h("video", { src: film, poster: after, controls: true, loop: true, playsInline: true, "aria-label": text.after })));
  if (after && before && look === "compare") return comparison();
  if (after && before && look === "side") return frames([before, text.before], [after, text.after]);
  if (after && look === "actual") return h("div", { className: "view actual", tabindex: 0, role: "region", "aria-label": text.actual }, image(full, text.after));
  return after ? frames([after, text.after]) : frames([before, text.before]);
}

function render() {
  const { before, after, film } = pictures;
  if (!before && !after) {
    $("canvas").replaceChildren(h("div", { className: "hint" }, h("strong", {}, text.hintTitle), text.hint));
    return;
  }
  const looks = h("div", { className: "looks", role: "group", "aria-label": text.looks }, LOOKS.filter(name => before || !NEEDS_BOTH.has(name)).map(name =>
    button(text[name], () => { look = name; render(); $(`look-${name}`)?.focus(); }, { id: `look-${name}`, "aria-pressed": String(look === name) })));
  $("canvas").replaceChildren(body(), ...(after && !film ? [looks] : []));
}

// Show pictures by their addresses; null stands for none. The next picture replaces the last without a flicker.
export async function show(next) {
  if (JSON.stringify(next) === JSON.stringify(pictures) && $("canvas").firstChild) return;
  const replacesAfter = pictures.after && next.after && next.before === pictures.before && next.film === pictures.film;
  pictures = next;
  const isLoaded = !next.after || await new Promise(done => { const probe = new Image(); probe.onload = () => { loadedImage = probe; done(true); }; probe.onerror = () => done(false); probe.src = next.after; });
  if (pictures !== next || (replacesAfter && !isLoaded)) return;
  const element = $("canvas").querySelector(`img[alt="${text.after}"]`);
  if (replacesAfter && element) element.src = look === "actual" ? next.full : next.after;
  else render();
}
