// The editor of masks: regions, what stays, and which part of a painting counts.
import { api, viewUrl } from "./api.js";
import { MaskCanvas, canvas, isReadable } from "./brush.js";
import { $, attempt, button, h, pickFiles, toast } from "./dom.js";
import { FACES, draft, isDrawn, isFound, noteChange } from "./draft.js";
import { text } from "./text.js";

const MAX_SIDE = 1024;
const DOWNLOAD_MILLISECONDS = 60_000; // Safari asks before the first download, and reads the file after the answer
const PHOTO_COLORS = { keep: "#3aa17e", focus: "#d8d02c" };
const COLORS = ["#e2574c", "#3f8fd2", "#e0a526", "#8a63c9", "#d66ba0", "#4bb3a8"];
const ERASER = 5, ERASER_BUTTONS = 32; // of a PointerEvent: the other end of a pen
let editor = null;

const isOfPhoto = kind => kind in PHOTO_COLORS;
export const colorOf = ({ kind, number }) => PHOTO_COLORS[kind] ?? COLORS[number % COLORS.length];
export const maskOf = ({ kind, number }) => isOfPhoto(kind) ? draft[kind] : draft.styles[number]?.[kind];
export const idOf = target => isDrawn(maskOf(target)) ? maskOf(target) : null;
export const nameOf = ({ kind, number }) => ({ keep: text.keepLong, focus: text.focusLong, region: text.regionLong(number + 1), mask: text.partLong(number + 1) })[kind];
const isSame = (left, right) => left.kind === right.kind && left.number === right.number;

function store(target, id) {
  if (isOfPhoto(target.kind)) draft[target.kind] = id;
  else draft.styles[target.number][target.kind] = id;
  noteChange("masks");
}

// All masks that can be painted with what the draft holds.
function targets() {
  const ofPhoto = draft.content ? [{ kind: "keep" }, { kind: "focus" }, ...draft.styles.map((_, number) => ({ kind: "region", number }))] : [];
  return [...ofPhoto, ...draft.styles.map((_, number) => ({ kind: "mask", number }))];
}

function loadImage(source) {
  return new Promise((done, fail) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => fail(new Error(text.lost));
    image.src = source;
  });
}

// The image of a mask that was uploaded; of a file that browsers do not show, the view that the studio made.
const loadMask = id => loadImage(`/api/uploads/${id}`).catch(() => loadImage(viewUrl(id.split("#")[0])));

class Editor {
  constructor(target) {
    this.target = target;
    this.tool = "brush";
    this.size = 60;
    this.soft = 0.4;
    this.opacity = 0.6;
    this.tolerance = 24;
    this.zoom = 1;
    this.pan = { x: 0, y: 0 };
    this.pointers = new Map();
    this.hasPen = false;
    this.isFresh = false; // what the pointer that is down has painted can be taken back
    this.last = null; // the point that was painted last
    this.isDone = false; // saved or removed
  }

  async open() {
    if (!isReadable()) throw new Error(text.noCanvas);
    this.info = this.target.kind === "mask" ? draft.styles[this.target.number].info : draft.content;
    const image = await loadImage(viewUrl(this.info.id));
    const factor = Math.min(1, MAX_SIDE / Math.max(image.naturalWidth, image.naturalHeight));
    const [width, height] = [image.naturalWidth, image.naturalHeight].map(side => Math.max(1, Math.round(side * factor)));
    this.picture = canvas(width, height);
    this.picture.getContext("2d", { willReadFrequently: true }).drawImage(image, 0, 0, width, height);
    this.mask = new MaskCanvas(width, height);
    this.size = Math.round(Math.max(width, height) / 12);
    await this.#readOthers(width, height);
    const id = isFound(maskOf(this.target)) && !this.info.film ? await this.#findFaces() : idOf(this.target);
    if (id) this.mask.read(await loadMask(id));
    this.#build();
    const nodes = [...$("masks").childNodes];
    $("masks").onclose = () => { if (!this.isDone && this.mask.past.length) toast(text.maskClosed, text.bringBack, () => this.#reopen(nodes)); };
    $("masks").showModal();
    this.fit();
    this.surface.focus();
  }

  // Leave the mask to the studio, which finds the faces in each frame of a film.
  #leaveToFaces() {
    this.isDone = true;
    store(this.target, FACES);
    $("masks").close();
  }

  // The mask of the faces; none, if there are none.
  #findFaces() { return api.faces(this.info.id).then(({ id }) => id, () => null); }

  // Show again what was closed by mistake.
  #reopen(nodes) {
    editor = this;
    $("masks").replaceChildren(...nodes);
    $("masks").showModal();
    this.surface.focus();
  }

  // Other masks of the same picture, to show them in their colors.
  async #readOthers(width, height) {
    const isOfSamePicture = other => (other.kind === "mask") === (this.target.kind === "mask") && (other.kind !== "mask" || other.number === this.target.number);
    const others = targets().filter(other => !isSame(other, this.target) && idOf(other) && isOfSamePicture(other));
    this.others = await Promise.all(others.map(async other => {
      const mask = new MaskCanvas(width, height);
      mask.read(await loadMask(idOf(other)));
      return { mask, color: colorOf(other) };
    }));
  }

  #build() {
    this.surface = canvas(this.mask.width, this.mask.height);
    Object.assign(this.surface, { tabIndex: 0 });
    this.surface.setAttribute("role", "application");
    this.surface.setAttribute("aria-label", text.easel);
    this.cursor = h("div", { className: "cursor", hidden: true });
    this.easel = h("div", { className: "easel" }, this.surface, this.cursor);
    const head = h("div", { className: "head" }, h("h2", {}, nameOf(this.target)), button(text.cancel, () => $("masks").close(), { id: "mask-cancel" }),
      button(text.save, () => attempt(() => this.save()), { className: "primary", id: "mask-save" }));
    $("masks").replaceChildren(head, this.#tools(), this.easel);
    this.#listen();
    this.draw();
  }

  #tools() {
    const tool = name => button(text[name], () => this.choose(name), { id: `tool-${name}`, "aria-pressed": String(this.tool === name) });
    const act = (name, action) => button(text[name], () => { action(); this.draw(); }, { id: `mask-${name}` });
    const change = action => () => { this.mask.begin(); action(); };
    const range = (name, label, min, max, step) => h("label", {}, label, h("input", {
      id: `mask-${name}`, type: "range", min, max, step, value: this[name], oninput: event => { this[name] = Number(event.target.value); this.draw(); },
    }));
    const reuse = h("select", { id: "mask-reuse", "aria-label": text.reuse, onchange: event => { if (event.target.value) this.#take(event.target.value); } },
      h("option", { value: "" }, `${text.reuse} ${text.reuseNone}`), targets().filter(other => idOf(other) && !isSame(other, this.target)).map(other => h("option", { value: idOf(other) }, nameOf(other))));
    const takeFaces = async () => this.#take((await api.faces(this.info.id)).id);
    return h("div", { className: "tools", role: "group", "aria-label": text.tools }, this.info.film && h("p", { id: "mask-note" }, isFound(maskOf(this.target)) ? text.facesFollow : text.maskStands),
      h("div", { className: "group" }, tool("brush"), tool("eraser"), tool("fill")),
      range("size", text.size, 2, Math.round(Math.max(this.mask.width, this.mask.height) / 3), 1), range("soft", text.soft, 0, 1, 0.05),
      range("opacity", text.opacity, 0.1, 1, 0.05), range("tolerance", text.tolerance, 2, 120, 1),
      h("div", { className: "group" }, act("undo", () => this.mask.undo()), act("redo", () => this.mask.redo()), act("invert", change(() => this.mask.invert())), act("all", change(() => this.mask.all())), act("clear", change(() => this.mask.clear()))),
      h("div", { className: "group" }, act("zoomIn", () => this.zoomBy(1.5)), act("zoomOut", () => this.zoomBy(1 / 1.5)), act("fit", () => this.fit())),
      h("div", { className: "group" }, button(text.faces, () => this.info.film ? this.#leaveToFaces() : attempt(takeFaces), { id: "mask-faces" }),
        button(text.upload, () => pickFiles("image/*", false, ([file]) => attempt(async () => this.#take((await api.upload(file)).id))), { id: "mask-upload" }),
        button(text.download, () => this.download(), { id: "mask-download" }), (idOf(this.target) || isFound(maskOf(this.target))) && button(text.drop, () => { this.isDone = true; store(this.target, null); $("masks").close(); }, { id: "mask-drop" })), reuse);
  }

  async #take(id) {
    const image = await attempt(() => loadMask(id));
    if (!image) return;
    this.mask.begin();
    this.mask.read(image);
    this.draw();
  }

  choose(name) {
    this.tool = name;
    for (const tool of ["brush", "eraser", "fill"]) $(`tool-${tool}`).setAttribute("aria-pressed", String(tool === name));
    this.draw();
  }

  #listen() {
    const easel = this.easel;
    easel.addEventListener("pointerdown", event => this.#down(event));
    easel.addEventListener("pointermove", event => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) easel.addEventListener(name, event => this.#up(event));
    easel.addEventListener("pointerleave", () => { this.cursor.hidden = true; });
    easel.addEventListener("wheel", event => { event.preventDefault(); this.zoomBy(Math.exp(-event.deltaY / 400), event); }, { passive: false });
    easel.addEventListener("contextmenu", event => event.preventDefault());
    this.surface.addEventListener("keydown", event => this.#key(event));
    new ResizeObserver(() => { if (this.zoom === this.fitted) this.fit(); }).observe(easel);
  }

  // The point of the mask under a pointer.
  point(event) {
    const box = this.easel.getBoundingClientRect();
    return { x: (event.clientX - box.left - this.pan.x) / this.zoom, y: (event.clientY - box.top - this.pan.y) / this.zoom };
  }

  radius(event) {
    const pressure = event?.pointerType === "pen" ? 0.3 + 1.4 * event.pressure : 1;
    return this.size / 2 * pressure;
  }

  // The other end of a pen erases, whatever the tool.
  erases(event) { return this.tool === "eraser" || Boolean(event.buttons & ERASER_BUTTONS); }

  #down(event) {
    if (event.pointerType === "touch" && this.hasPen) return; // the palm of the hand that holds the pen
    this.easel.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.hasPen = event.pointerType === "pen";
    if (this.pointers.size === 2 && this.isFresh) { this.mask.takeBack(); this.draw(); } // the first finger of a pinch
    if (this.pointers.size > 1) { this.last = null; this.isFresh = false; }
    if (this.pointers.size > 1 || (event.button > 0 && event.button !== ERASER)) return;
    const point = this.point(event);
    if (this.tool === "fill" && (point.x < 0 || point.y < 0 || point.x >= this.mask.width || point.y >= this.mask.height)) return;
    this.mask.begin();
    this.isFresh = true;
    if (this.tool === "fill") this.mask.fill(point.x, point.y, this.picture, this.tolerance);
    else {
      this.last = point;
      this.mask.spot(point.x, point.y, this.radius(event), this.soft, this.erases(event));
    }
    this.draw();
  }

  #move(event) {
    this.#showCursor(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.pointers.size === 2) this.#pinch(event.pointerId, before, now);
    else if (this.last) {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const move of events.length ? events : [event]) {
        const to = this.point(move);
        this.mask.line(this.last, to, this.radius(move), this.soft, this.erases(event));
        this.last = to;
      }
      this.draw();
    } else if (event.buttons > 1) this.#shift(now.x - before.x, now.y - before.y);
    this.pointers.set(event.pointerId, now);
  }

  #up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.last = null;
    this.isFresh = this.hasPen = false;
  }

  #shift(x, y) {
    this.pan = { x: this.pan.x + x, y: this.pan.y + y };
    this.place();
  }

  // Two fingers move and scale the picture: what is between them stays between them.
  #pinch(pointerId, before, now) {
    const [other] = [...this.pointers].filter(([id]) => id !== pointerId).map(([, point]) => point);
    const length = point => Math.hypot(point.x - other.x, point.y - other.y);
    this.zoomBy(length(now) / Math.max(1, length(before)), { clientX: (before.x + other.x) / 2, clientY: (before.y + other.y) / 2 });
    this.#shift((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  #key(event) {
    const isCommand = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const center = this.key ?? { x: this.mask.width / 2, y: this.mask.height / 2 };
    if (isCommand && key === "z") event.shiftKey ? this.mask.redo() : this.mask.undo();
    else if (isCommand && key === "y") this.mask.redo();
    else if (isCommand) return; // the browser's own, such as a search
    else if (event.key in arrows) {
      const [x, y] = arrows[event.key], step = this.size / 4;
      this.key = { x: Math.min(this.mask.width, Math.max(0, center.x + x * step)), y: Math.min(this.mask.height, Math.max(0, center.y + y * step)) };
    } else if (event.key === " ") {
      this.mask.begin();
      if (this.tool === "fill") this.mask.fill(Math.min(this.mask.width - 1, center.x), Math.min(this.mask.height - 1, center.y), this.picture, this.tolerance);
      else this.mask.spot(center.x, center.y, this.size / 2, this.soft, this.tool === "eraser");
      this.key = center;
    } else if (event.key === "[" || event.key === "]") this.size = Math.max(2, this.size * (event.key === "]" ? 1.2 : 1 / 1.2));
    else if (key === "b") this.choose("brush");
    else if (key === "e") this.choose("eraser");
    else if (key === "f") this.choose("fill");
    else return;
    event.preventDefault();
    $("mask-size").value = this.size;
    this.draw();
    if (this.key) this.#putCursor(this.key.x * this.zoom + this.pan.x, this.key.y * this.zoom + this.pan.y);
  }

  #showCursor(event) {
    const box = this.easel.getBoundingClientRect();
    this.#putCursor(event.clientX - box.left, event.clientY - box.top);
  }

  #putCursor(x, y) {
    const width = this.size * this.zoom;
    this.cursor.hidden = this.tool === "fill";
    Object.assign(this.cursor.style, { width: `${width}px`, height: `${width}px`, transform: `translate(${x - width / 2}px, ${y - width / 2}px)` });
  }

  zoomBy(factor, event) {
    const box = this.easel.getBoundingClientRect();
    const x = event ? event.clientX - box.left : box.width / 2, y = event ? event.clientY - box.top : box.height / 2;
    const next = Math.min(20, Math.max(0.05, this.zoom * factor)), scale = next / this.zoom;
    this.pan = { x: x - (x - this.pan.x) * scale, y: y - (y - this.pan.y) * scale };
    this.zoom = next;
    this.place();
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.easel;
    this.zoom = this.fitted = Math.min((width - 24) / this.mask.width, (height - 24) / this.mask.height);
    this.pan = { x: (width - this.mask.width * this.zoom) / 2, y: (height - this.mask.height * this.zoom) / 2 };
    this.place();
  }

  place() { this.surface.style.transform = `translate(${this.pan.x}px, ${this.pan.y}px) scale(${this.zoom})`; }

  draw() {
    const context = this.surface.getContext("2d");
    context.globalAlpha = 1;
    context.drawImage(this.picture, 0, 0);
    for (const { mask, color } of this.others) this.#tint(context, mask, color, this.opacity / 2);
    this.#tint(context, this.mask, colorOf(this.target), this.opacity);
  }

  #tint(context, mask, color, opacity) {
    this.layer ??= canvas(mask.width, mask.height);
    const layer = this.layer.getContext("2d");
    layer.globalCompositeOperation = "copy";
    layer.drawImage(mask.canvas, 0, 0);
    layer.globalCompositeOperation = "source-in";
    layer.fillStyle = color;
    layer.fillRect(0, 0, mask.width, mask.height);
    context.globalAlpha = opacity;
    context.drawImage(this.layer, 0, 0);
    context.globalAlpha = 1;
  }

  async save() {
    if (this.mask.isEmpty) { toast(text.emptyMask); return; }
    const info = await api.upload(await this.mask.png(), `${nameOf(this.target)}.png`);
    store(this.target, info.id);
    this.isDone = true;
    $("masks").close();
  }

  async download() {
    const address = URL.createObjectURL(await this.mask.png());
    h("a", { href: address, download: "mask.png" }).click();
    setTimeout(() => URL.revokeObjectURL(address), DOWNLOAD_MILLISECONDS);
  }
}

export async function openMasks(target) {
  editor = new Editor(target);
  await attempt(() => editor.open());
}
