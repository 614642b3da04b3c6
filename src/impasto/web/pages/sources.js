// The photograph and the paintings, with their thumbnails, weights, stroke sizes and masks.
import { api, thumbnailUrl } from "./api.js";
import { $, acceptDrops, attempt, button, h, pickFiles, showWait, toast } from "./dom.js";
import { AUTO, draft, isDrawn, isFound, newStyle, noteChange, onDraft } from "./draft.js";
import { colorOf, maskOf, nameOf, openMasks } from "./masks.js";
import { text } from "./text.js";

const PICTURES = "image/*,.tif,.tiff,.heic,.heif,.avif", FILMS = "video/*,.mkv,.mov,.avi";
let removedContent = null; // the photograph that was removed last

// Upload files. A film is painted, and so is the first picture if there is none or it is asked for; the others are paintings.
export async function take(files, kind) {
  for (const [number, file] of files.entries()) {
    const isFile = await file.slice(0, 1).arrayBuffer().then(bytes => bytes.byteLength > 0, () => false); // a folder is empty in Firefox
    if (!isFile) { toast(text.unreadable(file.name)); continue; }
    const info = await attempt(() => showWait(text.opening(file.name), api.upload(file)));
    if (!info) continue;
    for (const remark of info.remarks ?? []) toast(remark);
    if (info.settings) toast(text.painted, text.useSettings, () => { useSettings(info.settings); });
    if (info.film || (kind === "content" && number === 0) || (!kind && !draft.content)) setContent(info);
    else draft.styles.push(newStyle(info));
    noteChange("pictures");
  }
}

function setContent(info) {
  const previous = draft.content ?? removedContent;
  draft.content = info;
  if (!previous || previous.width / previous.height === info.width / info.height) return;
  const { keep, focus } = draft, regions = draft.styles.map(style => [style, style.region]);
  if (![keep, focus, ...regions.map(([, region]) => region)].some(isDrawn)) return;
  Object.assign(draft, { keep: null, focus: AUTO });
  for (const style of draft.styles) style.region = null;
  toast(text.masksRemoved, text.bringBack, () => {
    Object.assign(draft, { content: previous, keep, focus });
    for (const [style, region] of regions) style.region = region;
    noteChange("pictures");
  });
}

// Leave out of the draft what the studio no longer has.
async function forgetMissing() {
  const isMissing = async id => api.info(id.split("#")[0]).then(() => false, error => error.status === 404);
  let isChanged = false;
  const clear = async (owner, name) => { if (isDrawn(owner[name]) && await isMissing(owner[name])) { owner[name] = null; isChanged = true; } };
  if (draft.content && await isMissing(draft.content.id)) { draft.content = null; isChanged = true; }
  for (const style of [...draft.styles]) {
    if (await isMissing(style.info.id)) { draft.styles.splice(draft.styles.indexOf(style), 1); isChanged = true; }
    for (const name of ["region", "mask"]) await clear(style, name);
  }
  for (const name of ["keep", "focus"]) await clear(draft, name);
  if (!isChanged) return;
  toast(text.missingPictures);
  noteChange("pictures");
}

async function useSettings(settings) {
  const { settings: options } = await api.options();
  const differs = ({ name, default: initial }) => name in settings && JSON.stringify(settings[name]) !== JSON.stringify(initial);
  draft.preset = "default";
  draft.settings = Object.fromEntries(options.filter(differs).map(({ name }) => [name, settings[name]]));
  noteChange("settings");
}

function dropTarget(label, kind, isSmall) {
  return button(label, () => pickFiles(kind === "style" ? PICTURES : `${PICTURES},${FILMS}`, kind === "style", files => take(files, kind)), { className: isSmall ? "drop small" : "drop" });
}

// A button that opens the editor of one mask, with a dot in its color where the mask is in use.
function chip(label, target) {
  const mask = maskOf(target);
  const isUsed = Boolean(mask) && mask !== AUTO;
  const element = button("", () => openMasks(target), { className: isUsed ? "chip used" : "chip", "aria-label": `${nameOf(target)}${isUsed ? " ✓" : ""}` });
  const dot = h("i");
  if (isUsed) dot.style.background = colorOf(target);
  element.append(dot, isFound(mask) ? text.ofFaces(label) : label);
  return element;
}

function slider(label, value, min, max, show, set) {
  const output = h("output", {}, show(value));
  const input = h("input", { type: "range", min: Math.log2(min), max: Math.log2(max), step: 0.01, value: Math.log2(value), "aria-label": label });
  const read = () => Number((2 ** Number(input.value)).toPrecision(2));
  input.addEventListener("input", () => { output.textContent = show(read()); });
  input.addEventListener("change", () => set(read()));
  return h("div", { className: "field" }, h("label", {}, h("span", {}, label), output), input);
}

function card(info, remove, ...fields) {
  return h("div", { className: "source" },
    h("div", { className: "thumb" }, h("img", { src: thumbnailUrl(info.id), alt: info.name }),
      button("×", remove, { className: "icon remove", "aria-label": `${text.remove} ${info.name}` })),
    h("div", { className: "body" }, h("p", { className: "name", title: info.name }, info.name), fields));
}

// Whose colors one of several paintings has.
function colors(style, set) {
  const choices = [["", text.colorsOfAll], ...Object.entries(text.colors)];
  return h("div", { className: "field" }, h("label", {}, h("span", {}, text.names.color), h("select", { onchange: event => set(event.target.value || null) },
    choices.map(([value, name]) => h("option", { value, selected: value === (style.color ?? "") }, name)))));
}

function photographCard() {
  const remove = () => { removedContent = draft.content; draft.content = null; noteChange("pictures"); };
  const chips = h("div", { className: "chips" }, chip(text.keep, { kind: "keep" }), chip(text.focus, { kind: "focus" }));
  const { film } = draft.content;
  return card(draft.content, remove, film && h("p", { className: "facts" }, text.filmFacts(film)), chips);
}

function paintingCard(style, number) {
  const remove = () => { draft.styles.splice(number, 1); noteChange("pictures"); };
  const set = name => value => { style[name] = value; noteChange("weights"); };
  const chips = h("div", { className: "chips" }, draft.content && chip(text.region, { kind: "region", number }), chip(text.part, { kind: "mask", number }));
  return card(style.info, remove, draft.styles.length > 1 && slider(text.weight, style.weight || 0.01, 0.1, 10, text.times, set("weight")),
    slider(text.strokes, style.scale, 0.25, 4, text.times, set("scale")), draft.styles.length > 1 && colors(style, set("color")), chips);
}

function render() {
  $("photograph").replaceChildren(draft.content ? photographCard() : dropTarget(text.dropPhoto, "content"));
  const label = draft.styles.length ? text.addPainting : text.dropPainting;
  $("paintings").replaceChildren(...draft.styles.map(paintingCard), dropTarget(label, "style", draft.styles.length > 0));
  $("first-try").hidden = Boolean(draft.content && draft.styles.length);
  document.body.classList.toggle("has-photo", Boolean(draft.content));
}

async function tryDemo() {
  $("demo").disabled = true;
  toast(text.demoWait);
  const uploads = await attempt(api.demo);
  $("demo").disabled = false;
  if (!uploads) return;
  draft.content = uploads.photograph;
  draft.styles = [newStyle(uploads.painting)];
  draft.preset = "portrait";
  noteChange("pictures");
}

export async function startSources() {
  onDraft(topic => { if (topic !== "weights" && topic !== "settings") render(); });
  $("demo").addEventListener("click", tryDemo);
  acceptDrops($("photograph"), files => take(files, "content"));
  acceptDrops($("paintings"), files => take(files, "style"));
  acceptDrops($("canvas"), files => take(files));
  document.addEventListener("paste", event => { if (!document.querySelector("dialog[open]")) take([...event.clipboardData.files].filter(file => file.type.startsWith("image/"))); });
  document.addEventListener("dragover", event => event.preventDefault());
  document.addEventListener("drop", event => {
    event.preventDefault(); // the browser would leave the page and open the file
    if (!document.querySelector("dialog[open]")) take([...event.dataTransfer.files]);
  });
  render();
  await forgetMissing();
}
