// Make elements, show short messages.
const WAIT_MILLISECONDS = 400;

export const $ = id => document.getElementById(id);

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.startsWith("aria") && name !== "list" && name !== "form") element[name] = value;
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child != null && child !== false));
  return element;
}

export function button(label, action, attributes = {}) {
  return h("button", { type: "button", onclick: action, ...attributes }, label);
}

// A slider on a logarithmic scale, and what shows its value; it takes a value when it is let go.
export function slider(value, [min, max], show, round, take, attributes) {
  const output = h("output", { htmlFor: attributes.id ?? "" }, show(value));
  const input = h("input", { type: "range", min: Math.log2(min), max: Math.log2(max), step: 0.01, value: Math.log2(value), ...attributes });
  const read = () => round(2 ** Number(input.value));
  input.addEventListener("input", () => { output.textContent = show(read()); });
  input.addEventListener("change", () => take(read()));
  return [input, output];
}

export const roundToTwoDigits = number => Number(number.toPrecision(2));

export function toast(sentence, label, action) {
  const box = h("div", { className: "toast" }, sentence);
  if (action) box.append(button(label, () => { box.remove(); action(); }));
  const toasts = $("toasts");
  toasts.append(box);
  if (document.querySelector("dialog[open]")) toasts.hidePopover?.(); // shown again, it lies above the dialog
  if (toasts.showPopover && !toasts.matches(":popover-open")) toasts.showPopover(); // Safari 16 has no popovers
  setTimeout(() => box.remove(), action ? 10000 : 6000);
  return box;
}

// Await a promise; show a sentence if that takes a while.
export async function showWait(sentence, promise) {
  let box = null;
  const timer = setTimeout(() => { box = toast(sentence); }, WAIT_MILLISECONDS);
  try { return await promise; } finally { clearTimeout(timer); box?.remove(); }
}

// Run an action; if the server refuses it, show the sentence of the server.
export async function attempt(action) {
  try { return await action(); } catch (error) { toast(error.message); return undefined; }
}

export function pickFiles(accept, several, take) {
  const input = h("input", { type: "file", accept, multiple: several });
  input.addEventListener("change", () => take([...input.files]));
  input.click();
}

// Let an element take files that are dropped on it.
export function acceptDrops(element, take) {
  element.addEventListener("dragover", event => { event.preventDefault(); element.classList.add("over"); });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", event => {
    event.preventDefault();
    event.stopPropagation();
    element.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
}
