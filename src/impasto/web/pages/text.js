// All texts of the page; another language replaces this file.
export const text = {
  skip: "Go to the picture", views: "Views", paintTab: "Paint", galleryTab: "Gallery", queue: "Queue",
  pictures: "Pictures", photograph: "Photograph or film", paintings: "Paintings", canvas: "Canvas", progress: "Progress",
  settings: "Settings", losses: "Loss and messages", log: "Messages", print: "Print", masks: "Masks",
  demo: "Or try it with a sample photograph and painting",
  demoWait: "The sample painting is being painted. This takes a moment, once.",
  dropPhoto: "Drop a photograph or a film, paste one, or choose a file", dropPainting: "Drop a painting, or choose a file",
  addPainting: "Add another painting", remove: "Remove", weight: "Weight", strokes: "Stroke size",
  hintTitle: "A photograph, in the hand of a painter",
  hint: "Give a photograph and a painting. Then press Paint, and watch the one take on the strokes of the other.",
  hintReady: "Press Paint.", paint: "Paint", paintAgain: "Paint again", pause: "Pause", resume: "Resume",
  stop: "Stop and keep", larger: "Larger", download: "Download", newPicture: "New picture",
  looks: "How the picture is shown", picture: "Picture", compare: "Before and after", side: "Side by side", actual: "100 %",
  before: "The photograph", after: "The picture", slider: "Before and after",
  waiting: "Waits in the queue.", starting: "Opening the pictures …", painting: "Painting", paused: "Paused.",
  stopped: "Stopped; the picture so far is kept.", done: "Done.", failed: "It failed",
  remaining: time => `${time} left`, stage: (number, count) => `stage ${number} of ${count}`, frame: (number, count) => `frame ${number} of ${count}`, evaluation: n => `evaluation ${n}`,
  changed: "Changed. The picture continues from its canvas.", lost: "No connection to the studio.", tryingAgain: "Trying again …",
  opening: name => `Opening ${name} …`, unreadable: name => `${name} is empty or a folder; give a file.`,
  replaced: "What you had prepared was replaced.", bringBack: "Bring it back", missingPictures: "Pictures of your last visit are no longer in the studio.",
  masksRemoved: "The masks were drawn on a picture of another shape, and are gone.", maskClosed: "The mask was not kept.",
  maskStands: "A mask stands still in a film; only faces are found in each frame.", facesFollow: "Faces are found in each frame. A mask that you draw stands still.",
  painted: "This picture was painted by impasto, and its settings are in it.", useSettings: "Use its settings",
  film: "film", fixed: "A film that has begun is painted as it was ordered. What you change is for the next one.",
  filmFacts: ({ seconds, fps }) => [seconds && duration(seconds), fps && `${Number(fps.toFixed(2))} frames a second`].filter(Boolean).join(" · "),
  unset: { seconds: "as long as it takes", end: "the end of the film", fps: "all of them" }, continueRun: "Continue", continueRunHelp: "Continues from this picture, with what you changed",
  reset: "Reset", changedCount: n => `${n} changed`, defaultValue: value => `Back to ${value}`,
  preset: "Preset", format: "Format of the file", names: {
    size: "Size", content_weight: "Content against style", style_scale: "Stroke size", color: "Colors",
    seconds: "Time, in seconds", focus_weight: "Focus weight",
    start: "Start, in seconds", end: "End, in seconds", fps: "Frames a second", frame_iterations: "Evaluations of each frame",
  },
  colors: { style: "The painting’s", "content-luminance": "The photograph’s", "content-match": "The photograph’s palette" },
  colorsOfAll: "As set for all",
  pixels: n => `${n} px`, times: n => `× ${n}`,
  keep: "Stays", keepLong: "What stays of the photograph", region: "Region", regionLong: n => `Region of painting ${n}`,
  part: "Part that counts", partLong: n => `Part of painting ${n} that counts`,
  focus: "Focus", ofFaces: label => `${label}: faces`, focusLong: "What matters most in the photograph",
  brush: "Brush", eraser: "Eraser", fill: "Fill", undo: "Undo", redo: "Redo", invert: "Invert", all: "All", clear: "Clear",
  size: "Size", soft: "Soft edge", tolerance: "Tolerance of fill", opacity: "Opacity", zoomIn: "Zoom in", zoomOut: "Zoom out", fit: "Fit",
  faces: "Find faces", upload: "Upload", save: "Use this mask", cancel: "Cancel", reuse: "Copy from", reuseNone: "another mask …", drop: "Remove mask",
  easel: "Mask. Arrow keys move the brush, Space paints, [ and ] change its size.", tools: "Tools",
  noCanvas: "Your browser hides from pages what is drawn on them, so a mask would be noise. Let this page read canvas data (in Firefox: privacy.resistFingerprinting), and reload it.",
  emptyMask: "The mask is empty. Paint something, or cancel.",
  paper: "Paper", dpi: "Dots per inch", fillPaper: "Crop to fill the paper", order: "Paint it",
  takes: (w, h, time, gigabytes) => `${[`${w} × ${h} pixels`, time && `about ${time}`, gigabytes && `${gigabytes.toFixed(1)} GB of memory`].filter(Boolean).join(", ")}.`,
  largerTitle: "Larger", longSide: "Long side, in pixels",
  emptyGallery: "No pictures yet. Everything that you paint appears here.", everything: "Everything as a zip file",
  open: "Open", reuseJob: "Use as a new start", delete: "Delete", deleted: "Deleted.", undoDelete: "Undo", zip: "All its files",
  emptyQueue: "Nothing waits.", up: "Earlier", down: "Later", cancelJob: "Cancel", close: "Close",
  loss: "loss", states: { waiting: "waiting", painting: "painting", paused: "paused", stopped: "stopped early", done: "done", failed: "failed" },
};

export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

// Put the texts into the elements of the page that name them.
export function fillText(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text[element.dataset.text];
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text[element.dataset.label]);
}
