// What is to be painted: pictures, masks, settings. It survives a reload, and tells listeners of each change.
const KEY = "impasto-draft";
const EMPTY = { content: null, styles: [], keep: null, focus: null, settings: {}, runtime: {}, film: {}, preset: "default", format: "png" };
const listeners = [];

// What the browser has stored; nothing, where it stores nothing or something else.
function stored() {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { return {}; }
}

export const draft = { ...structuredClone(EMPTY), ...stored() };

export function onDraft(listener) { listeners.push(listener); }

// Note a change. `what` is "pictures", "masks", "weights" or "settings".
export function changed(what) {
  draft.isOwn = true;
  store();
  for (const listener of listeners) listener(what);
}

function store() {
  try { localStorage.setItem(KEY, JSON.stringify(draft)); } catch { /* the draft lives as long as the page */ }
}

// Note that a job has all that the draft holds.
export function ordered() {
  draft.isOwn = false;
  store();
}

// Whether the draft holds pictures with something that no job has.
export const isOwn = () => Boolean(draft.isOwn && (draft.content || draft.styles.length));

// The names of options that a film does not have; the server says which.
const unused = [];
export function setUnused(names) { unused.splice(0, unused.length, ...names); }
export const isUnused = name => isFilm() && unused.includes(name);
export const isFilm = () => Boolean(draft.content?.film);

const used = options => Object.fromEntries(Object.entries(options).filter(([name]) => !isUnused(name)));

// The order of the draft, as the API takes it.
export function order() {
  const styles = draft.styles.map(({ info, ...rest }) => ({ picture: info.id, ...rest }));
  return { content: draft.content?.id ?? null, styles, keep: draft.keep, focus: draft.focus, preset: draft.preset, settings: used(draft.settings), runtime: used(draft.runtime), ...(isFilm() ? { film: draft.film } : { format: draft.format }) };
}

// Take over a whole order, with what is known of its uploads.
export function load(found, infos) {
  const styles = (found.styles ?? []).map(({ picture, ...rest }) => ({ ...newStyle(infos[picture]), ...rest }));
  Object.assign(draft, structuredClone(EMPTY), {
    content: found.content ? infos[found.content] : null, styles, keep: found.keep ?? null, focus: found.focus ?? null,
    settings: found.settings ?? {}, runtime: found.runtime ?? {}, film: found.film ?? {}, preset: found.preset ?? "default", format: found.format ?? "png",
  });
  changed("pictures");
  ordered();
}

export const newStyle = info => ({ info, weight: 1, scale: 1, mask: null, region: null, color: null });
