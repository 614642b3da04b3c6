// The form of the settings, made from the options that the server describes.
import { $, button, h, roundToTwoDigits, slider } from "./dom.js";
import { draft, isFilm, isUnused, noteChange, onDraft } from "./draft.js";
import { text } from "./text.js";

const SLIDERS = {
  size: { limits: [128, 4096], show: text.pixels, round: value => 32 * Math.round(value / 32) },
  content_weight: { limits: [0.2, 200], show: value => value },
  style_scale: { limits: [0.25, 4], show: text.times },
};
const PRESS_MILLISECONDS = 500; // lists of choices do not say when the button comes up
const PLAIN = new Set(["start", "end", "fps"]); // options whose names say all
const FRONT = ["size", "content_weight", "style_scale", "color", "seconds"];
let schema, isTimeLocked = false, isPressed = false, isStale = false;

const isEqual = (left, right) => JSON.stringify(left) === JSON.stringify(right);
const presetChanges = () => schema.presets.find(preset => preset.name === draft.preset)?.changes ?? {};
const owner = option => schema.film.includes(option) ? draft.film : schema.runtime.includes(option) ? draft.runtime : draft.settings;
const defaultOf = option => presetChanges()[option.name] ?? option.default;
const value = option => owner(option)[option.name] ?? defaultOf(option);
const label = option => text.names[option.name] ?? option.name.replaceAll("_", " ").replace(/^./, first => first.toUpperCase());

function set(option, next) {
  if (isEqual(next, defaultOf(option))) delete owner(option)[option.name];
  else owner(option)[option.name] = next;
  noteChange("settings");
}

// A weight a name, as the command line writes it: conv1_1, conv2_1:0.5.
const weightsText = weights => typeof weights === "string" ? weights : Object.entries(weights).map(([name, weight]) => weight === 1 ? name : `${name}:${weight}`).join(", ");

function range(option, id) {
  const { limits, show, round = roundToTwoDigits } = SLIDERS[option.name];
  const take = next => { if (next !== value(option)) set(option, next); }; // else keys would never leave a value
  return slider(value(option), limits, show, round, take, { id });
}

// Seconds; the empty field stands for 0, which is no limit.
function time(option, id) {
  return h("input", {
    id, type: "number", min: 1, step: "any", placeholder: text.unset.seconds, value: value(option) || "", disabled: isTimeLocked,
    onchange: event => { if (event.target.reportValidity()) set(option, Number(event.target.value)); },
  });
}

function segments(option) {
  return h("div", { className: "segments" }, option.choices.map(choice => h("label", {},
    h("input", { id: `option-${option.name}-${choice}`, type: "radio", name: option.name, value: choice, checked: value(option) === choice, onchange: () => set(option, choice) }),
    h("span", {}, text.colors[choice] ?? choice))));
}

function entry(option, id) {
  if (option.kind === "choice") {
    return h("select", { id, onchange: event => set(option, event.target.value) },
      option.choices.map(choice => h("option", { value: choice, selected: value(option) === choice }, choice)));
  }
  if (option.kind === "boolean") {
    return h("input", { id, type: "checkbox", checked: value(option), onchange: event => set(option, event.target.checked) });
  }
  if (option.kind === "object") {
    return h("input", { id, type: "text", value: weightsText(value(option)), onchange: event => set(option, event.target.value) });
  }
  const isNumber = option.kind !== "string";
  return h("input", {
    id, type: isNumber ? "number" : "text", value: value(option), placeholder: text.unset[option.name] ?? "", min: option.min, max: option.max, step: option.kind === "integer" ? 1 : "any",
    onchange: ({ target }) => { if (target.reportValidity()) set(option, !isNumber ? target.value : target.value === "" ? defaultOf(option) : Number(target.value)); },
  });
}

function field(option) {
  const id = `option-${option.name}`;
  const isChanged = option.name in owner(option);
  const title = h("span", {}, label(option));
  const reset = isChanged && button(text.reset, () => { delete owner(option)[option.name]; noteChange("settings"); ($(id) ?? $(`${id}-${value(option)}`))?.focus(); },
    { className: "link reset", title: text.defaultValue(text.unset[option.name] ?? (typeof defaultOf(option) === "object" ? weightsText(defaultOf(option)) : defaultOf(option))), "aria-label": `${text.reset}: ${label(option)}` });
  const help = option.group === "Basics" || PLAIN.has(option.name) ? null : h("small", { id: `${id}-help` }, option.help);
  const className = isChanged ? "field changed" : "field";
  if (option.name === "color") return h("fieldset", { className }, h("legend", {}, title, reset), segments(option));
  const [input, output] = option.name in SLIDERS ? range(option, id) : [option.name === "seconds" ? time(option, id) : entry(option, id)];
  if (help) input.setAttribute("aria-describedby", help.id);
  return h("div", { className }, h("label", { htmlFor: id }, title, output), input, help, reset);
}

function choices(id, name, entries, current, take) {
  return h("div", { className: "field" }, h("label", { htmlFor: id }, name),
    h("select", { id, onchange: event => take(event.target.value) }, entries.map(entry =>
      h("option", { value: entry.name, title: entry.help, selected: entry.name === current }, entry.name))));
}

function group(name, options, isOpen) {
  const count = options.filter(option => option.name in owner(option)).length;
  const summary = h("summary", {}, name.replace("Expert: ", "").replace(/^./, first => first.toUpperCase()), count ? h("span", { className: "count" }, ` · ${text.changedCount(count)}`) : null);
  const body = h("details", { open: isOpen }, summary, options.map(field));
  body.dataset.group = name;
  return body;
}

// Draw the form; while a button of the mouse is down, later: what is pressed has to be there when it comes up.
function render() {
  isStale = isPressed;
  if (isPressed) return;
  const open = new Set([...$("form").querySelectorAll("details[open]")].map(details => details.dataset.group));
  const focused = document.activeElement?.id;
  const groups = [...new Set(schema.settings.map(option => option.group))].filter(name => name !== "Basics");
  const front = FRONT.map(name => [...schema.settings, ...schema.runtime].find(option => option.name === name)).filter(option => !isUnused(option.name));
  const preset = choices("preset", text.preset, schema.presets, draft.preset, name => { draft.preset = name; noteChange("settings"); });
  const help = schema.presets.find(({ name }) => name === draft.preset)?.help;
  preset.append(h("small", {}, help));
  const format = choices("format", text.format, schema.formats.map(name => ({ name })), draft.format, name => { draft.format = name; noteChange("settings"); });
  const folded = groups.map(name => group(name, schema.settings.filter(option => option.group === name && !isUnused(option.name)), open.has(name)));
  const film = isFilm() ? [group(text.film, schema.film, open.has(text.film) || !$("form").querySelector(`[data-group="${text.film}"]`))] : [];
  $("form").replaceChildren(...film, ...front.map(field), preset, ...folded, ...(isFilm() ? [] : [format]));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// Time counts from the start of a run, so it cannot change while one is under way.
export function lockTime(isLocked) {
  isTimeLocked = isLocked;
  const input = $("option-seconds");
  if (input) input.disabled = isLocked;
}

export function startForm(options) {
  schema = options;
  $("form").addEventListener("submit", event => event.preventDefault());
  const release = () => { isPressed = false; if (isStale) render(); };
  $("form").addEventListener("pointerdown", () => { isPressed = true; setTimeout(release, PRESS_MILLISECONDS); }, true);
  for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, () => setTimeout(release), true);
  onDraft(topic => { if (topic !== "weights" && topic !== "masks") render(); });
  render();
}
