// Make elements, show short messages.
const WAIT_MILLISECONDS = 400;

export const $ = id => document.getElementById(id);

export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && !name.startsWith("aria") && name !== "list" && name !== "form") made[name] = value;
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter(child => child != null && child !== false));
  return made;
}

export function button(label, action, attributes = {}) {
  return h("button", { type: "button", onclick: action, ...attributes }, label);
}

export function toast(sentence, label, action) {
  const box = h("div", { className: "toast" }, sentence);
  if (action) box.append(button(label, () => { box.remove(); action(); }));
  const toasts = $("toasts");
  toasts.append(box);
  if (document.querySelector("dialog[open]")) toasts.hidePopover?.(); // shown again, it lies above the dialog
  if (!toasts.matches(":popover-open")) toasts.showPopover?.();
  setTimeout(() => box.remove(), action ? 10000 : 6000);
  return box;
}

// Say what the page is waiting for, if it takes a while.
export async function waiting(sentence, promise) {
  let box = null;
  const timer = setTimeout(() => { box = toast(sentence); }, WAIT_MILLISECONDS);
  try { return await promise; } finally { clearTimeout(timer); box?.remove(); }
}

// Run something that the server may refuse; show its sentence.
export async function trying(action) {
  try { return await action(); } catch (error) { toast(error.message); return undefined; }
}

export function pick(accept, several, take) {
  const input = h("input", { type: "file", accept, multiple: several });
  input.addEventListener("change", () => take([...input.files]));
  input.click();
}

// Let an element take files that are dropped on it.
export function droppable(element, take) {
  element.addEventListener("dragover", event => { event.preventDefault(); element.classList.add("over"); });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", event => {
    event.preventDefault();
    event.stopPropagation();
    element.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
}
