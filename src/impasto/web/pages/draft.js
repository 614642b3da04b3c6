// What is to be painted: pictures, masks, settings. It survives a reload, and tells listeners of each change.
const KEY = "impasto-draft";
const EMPTY = { content: null, styles: [], keep: null, focus: null, settings: {}, runtime: {}, preset: "default", format: "png" };
const listeners = [];

export const draft = { ...structuredClone(EMPTY), ...JSON.parse(localStorage.getItem(KEY) || "{}") };

export function onDraft(listener) { listeners.push(listener); }

// Note a change. `what` is "pictures", "masks", "weights" or "settings".
export function changed(what) {
  localStorage.setItem(KEY, JSON.stringify(draft));
  for (const listener of listeners) listener(what);
}

// The order of the draft, as the API takes it.
export function order() {
  const styles = draft.styles.map(({ info, ...rest }) => ({ picture: info.id, ...rest }));
  return { content: draft.content?.id ?? null, styles, keep: draft.keep, focus: draft.focus, preset: draft.preset, format: draft.format, settings: draft.settings, runtime: draft.runtime };
}

// Take over a whole order, with what is known of its uploads.
export function load(found, infos) {
  const styles = (found.styles ?? []).map(({ picture, ...rest }) => ({ ...newStyle(infos[picture]), ...rest }));
  Object.assign(draft, structuredClone(EMPTY), {
    content: found.content ? infos[found.content] : null, styles, keep: found.keep ?? null, focus: found.focus ?? null,
    settings: found.settings ?? {}, runtime: found.runtime ?? {}, preset: found.preset ?? "default", format: found.format ?? "png",
  });
  changed("pictures");
}

export const newStyle = info => ({ info, weight: 1, scale: 1, mask: null, region: null, color: null });
