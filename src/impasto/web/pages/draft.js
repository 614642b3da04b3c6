// What is to be painted: pictures, masks, settings. It survives a reload, and tells listeners of each change.
const KEY = "impasto-draft";
export const FACES = "faces";
export const AUTO = "auto"; // the faces that the studio finds, if there are some
const EMPTY = { content: null, styles: [], keep: null, focus: AUTO, settings: {}, runtime: {}, film: {}, preset: "default", format: "png" };
const listeners = [];

// Read the draft that the browser has stored; an empty one, if it stores nothing or something else.
function readStored() {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { return {}; }
}

export const draft = { ...structuredClone(EMPTY), ...readStored() };

export function onDraft(listener) { listeners.push(listener); }

// Store a change and tell listeners. The topic is "pictures", "masks", "weights" or "settings".
export function noteChange(topic) {
  draft.isOwn = true;
  store();
  for (const listener of listeners) listener(topic);
}

function store() {
  try { localStorage.setItem(KEY, JSON.stringify(draft)); } catch { /* the draft lives as long as the page */ }
}

// Note that a job has all that the draft holds.
export function markOrdered() {
  draft.isOwn = false;
  store();
}

// Whether the draft holds pictures with something that no job has.
export const isOwn = () => Boolean(draft.isOwn && (draft.content || draft.styles.length));

// The names of options that a film does not have; the server says which.
const unused = [];
export function setUnused(names) { unused.splice(0, unused.length, ...names); }
export const isUnused = name => isFilm() && unused.includes(name);
// Whether a mask is a picture of its own, and whether it is found in the photograph.
export const isDrawn = mask => Boolean(mask && ![FACES, AUTO].includes(mask));
export const isFound = mask => [FACES, AUTO].includes(mask);

export const isFilm = () => Boolean(draft.content?.film);

const usedOptions = options => Object.fromEntries(Object.entries(options).filter(([name]) => !isUnused(name)));

// The order of the draft, as the API takes it.
export function order() {
  const styles = draft.styles.map(({ info, ...rest }) => ({ picture: info.id, ...rest }));
  return { content: draft.content?.id ?? null, styles, keep: draft.keep, focus: draft.focus, preset: draft.preset, settings: usedOptions(draft.settings), runtime: usedOptions(draft.runtime), ...(isFilm() ? { film: draft.film } : { format: draft.format }) };
}

// Replace the draft by an order, with what is known of its uploads.
export function load(loaded, infos) {
  const styles = (loaded.styles ?? []).map(({ picture, ...rest }) => ({ ...newStyle(infos[picture]), ...rest }));
  Object.assign(draft, structuredClone(EMPTY), {
    content: loaded.content ? infos[loaded.content] : null, styles, keep: loaded.keep ?? null, focus: "focus" in loaded ? loaded.focus : AUTO,
    settings: loaded.settings ?? {}, runtime: loaded.runtime ?? {}, film: loaded.film ?? {}, preset: loaded.preset ?? "default", format: loaded.format ?? "png",
  });
  noteChange("pictures");
  markOrdered();
}

export const newStyle = info => ({ info, weight: 1, scale: 1, mask: null, region: null, color: null });
