// The job that the page shows: it is ordered, watched, paused, changed while it is painted, and enlarged.
import { api, shown } from "./api.js";
import { $, button, h, toast, trying } from "./dom.js";
import { changed, draft, isOwn, load, onDraft, order, ordered } from "./draft.js";
import { lockTime } from "./form.js";
import { plot } from "./plot.js";
import { duration, text } from "./text.js";
import { show } from "./view.js";

const CHANGE_MILLISECONDS = 500;
const ACTIVE = new Set(["waiting", "painting", "paused"]);
let job = null, stream = null, losses = [], timer = 0, preview = 0, drawn = 0, loading = 0, sending = 0, turn = 0;
let isLost = false, isUnsent = false, isSaid = false; // the connection; a change that it did not carry; that a film does not change

export const current = () => job;

// Show a job, or with null what is to be painted next.
export async function showJob(id, { loads = true, isFirst = false } = {}) {
  if (timer) send(); // the last change of the job that was shown
  turn += 1;
  const mine = turn;
  const found = id ? await trying(() => api.job(id)) ?? null : null;
  if (mine !== turn) return; // another job is shown by now
  stream?.close();
  isLost = isUnsent = isSaid = false;
  job = found;
  losses = [];
  preview = job?.preview ?? 0;
  $("log").replaceChildren();
  if ($("gallery").hidden && location.hash.slice(1) !== (job?.id ?? "")) {
    const isNew = !isFirst && (job || !id); // Back does not lead to a job that there is not
    history[isNew ? "pushState" : "replaceState"](null, "", job ? `#${job.id}` : location.pathname);
  }
  if (job && loads) await loadDraft(job);
  if (mine !== turn) return;
  if (job) watch(job.id);
  render();
}

// Bring the pictures and settings of a job into the form.
export async function loadDraft(from) {
  const { content, initial, styles = [], ...rest } = from.order;
  const ids = [content, ...styles.map(style => style.picture)].filter(Boolean);
  const mine = turn;
  loading += 1;
  try {
    const infos = await trying(async () => Object.fromEntries(await Promise.all(ids.map(async id => [id, await api.info(id)]))));
    if (!infos || mine !== turn) return;
    const before = isOwn() ? structuredClone(draft) : null;
    load({ content, styles, ...rest }, infos);
    if (before) toast(text.replaced, text.bringBack, () => bringBack(before));
  } finally { loading -= 1; }
}

async function bringBack(before) {
  await showJob(null);
  Object.assign(draft, before);
  changed("pictures");
}

function watch(id) {
  stream = new EventSource(`/api/jobs/${id}/events`);
  const known = job.events;
  stream.onmessage = ({ data, lastEventId }) => { take(JSON.parse(data), Number(lastEventId) > known); schedule(); };
  stream.onerror = () => { isLost = true; schedule(); };
  stream.onopen = () => {
    isLost = false;
    if (isUnsent) send();
    schedule();
  };
}

// A page that is not seen holds no stream: a browser has six connections to a server, for all of its tabs.
function followWhileSeen() {
  stream?.close();
  if (document.hidden || !job) return;
  losses = [];
  $("log").replaceChildren();
  watch(job.id);
  refresh();
}

// Take one event into account; a new one is also said aloud, unlike those from before the page was opened.
function take(event, isNew) {
  switch (event.event) {
    case "state": refresh(); break;
    case "ordered": if (isNew) refresh(); break;
    case "progress": losses.push(event.loss); job.progress = event; event.remark?.split("\n").filter(Boolean).forEach(note); break;
    case "planned": job.stages = event.stages; break;
    case "preview": preview += 1; break;
    case "changed": if (isNew) toast(text.changed); break;
    case "restarted": case "remark": if (isNew) toast(event.sentence); note(event.sentence); break;
    case "announced": if (isNew && job.is_film) toast(event.sentence); note(event.sentence); break;
    default:
  }
}

let asked = 0;
function refresh() {
  clearTimeout(asked);
  asked = setTimeout(async () => {
    const id = job?.id;
    const found = id && await trying(() => api.job(id));
    if (!found || job?.id !== id) return;
    const isChanged = JSON.stringify(found.order) !== JSON.stringify(job.order); // by another page
    job = found;
    schedule();
    if (isChanged && ACTIVE.has(job.state) && !timer && !sending) await loadDraft(job);
  }, 60);
}

function note(sentence) { $("log").append(h("li", {}, sentence)); }

// Draw soon: many events make one drawing.
function schedule() {
  if (drawn) return;
  drawn = setTimeout(() => { drawn = 0; render(); }, 80);
}

function status(sentence, isBad = false) {
  $("status").textContent = sentence;
  $("status").className = isBad ? "bad" : "";
}

function progressWords({ fraction, seconds_left: left, stage, stages, evaluation, width, height }) {
  const part = job.is_film ? text.frame : text.stage;
  return [`${Math.floor(fraction * 100)} %`, left ? text.left(duration(left)) : null, `${width} × ${height}`, stages > 1 ? part(stage, stages) : null, text.evaluation(evaluation)].filter(Boolean).join(" · ");
}

function words() {
  if (!job) return draft.content && draft.styles.length ? text.hintReady : "";
  if (job.state === "painting") return job.progress && losses.length ? progressWords(job.progress) : text.starting;
  if (job.state === "done") return `${text.done} ${job.sentence}.`;
  if (job.state === "failed") return `${text.failed}: ${job.sentence}`;
  return [text[job.state], job.sentence].filter(Boolean).join(" ");
}

function actions() {
  const ask = state => () => trying(async () => { await put(job.id, { state }); render(); });
  const state = job?.state;
  const made = [];
  if (state === "painting") made.push(button(text.pause, ask("paused"), { id: "pause" }));
  if (state === "paused") made.push(button(text.resume, ask("waiting"), { id: "resume" }));
  if (state === "stopped" || (state === "failed" && job.progress)) made.push(button(text.resume, continueRun, { id: "resume" }));
  if (state === "done" && !job.is_film) made.push(button(text.continueRun, continueRun, { id: "continue", title: text.continueRunHelp }));
  if (ACTIVE.has(state)) made.push(button(text.stop, ask("stopped"), { id: "stop" }));
  if (job?.result && state !== "painting") {
    if (!job.is_film) made.push(button(text.larger, () => askPrint(false), { id: "larger" }), button(`${text.print} …`, () => askPrint(true), { id: "print-button" }));
    made.push(h("a", { className: "button", id: "download", href: job.result, download: "" }, text.download));
  }
  if (ACTIVE.has(state)) made.push(button(text.newPicture, () => showJob(null), { id: "new" }));
  else made.push(button(job ? text.paintAgain : text.paint, paint, { id: "go", className: "primary", disabled: !(draft.content || draft.styles.length) || !(draft.styles.length || draft.settings.style_weight === 0) }));
  return made;
}

let made = "";
function render() {
  const kind = JSON.stringify([job?.id, job?.state, job?.result, Boolean(draft.content), draft.styles.length]);
  if (kind !== made) {
    const focused = document.activeElement?.id;
    $("actions").replaceChildren(...actions());
    if (made && focused && $("actions").childElementCount) (document.getElementById(focused) ?? (document.activeElement === document.body ? $("actions").lastElementChild : null))?.focus();
    made = kind;
  }
  document.body.classList.toggle("has-run", Boolean(job));
  lockTime(ACTIVE.has(job?.state));
  if (isLost && ACTIVE.has(job?.state)) status(`${text.lost} ${text.tryingAgain}`, true);
  else status(words(), job?.state === "failed");
  $("progress").hidden = job?.state !== "painting";
  $("progress").value = job?.progress?.fraction ?? 0;
  if ($("drawer").open) plot(losses);
  const after = job && (job.preview || preview) ? `/api/jobs/${job.id}/preview?${preview}` : null;
  const before = draft.content && !(job?.is_film && after) ? shown(draft.content.id) : null;
  const film = job?.is_film && job.result && job.state !== "waiting" ? `${job.result}?${preview}` : null;
  show({ before, after, film, full: job?.result && job.state !== "painting" && !job.is_film ? `${job.result}?format=${job.order.format === "tif" ? "png" : job.order.format ?? "png"}` : after });
}

async function paint() {
  const made_ = await trying(() => api.order(order()));
  if (!made_) return;
  ordered();
  await showJob(made_.id, { loads: false });
}

// Change a job; what the studio then says of it counts unless another one is shown by now.
async function put(id, changes) {
  sending += 1;
  try {
    const found = await api.change(id, changes);
    if (job?.id === id) job = found;
  } finally { sending -= 1; }
}

const cleared = options => Object.fromEntries(Object.keys(options ?? {}).map(name => [name, null]));

// What the form has changed of the job, as the API takes it; the format of a file that was started stays, and a film has none.
function differences() {
  const { format, runtime, ...changes } = order();
  const film = { ...cleared(job.order.film), ...changes.film };
  return { ...changes, film, ...(changes.film ? { format: "png" } : {}), settings: { ...cleared(job.order.settings), ...changes.settings } };
}

// Continue from the canvas of a job that has ended, with what was changed since.
async function continueRun() {
  const again = job.state === "done" ? { runtime: { ...cleared(job.order.runtime), ...draft.runtime } } : {};
  const changes = job.is_fixed ? {} : { ...differences(), ...again };
  const isDone = await trying(async () => { await put(job.id, { ...changes, state: "waiting" }); return true; });
  if (!isDone) return;
  if (!job.is_fixed) ordered();
  losses = [];
  render();
}

// Change the job that is painted when the form changes.
function follow(what) {
  render();
  if (!job || loading || !ACTIVE.has(job.state)) return;
  if (job.is_fixed) { if (!isSaid) toast(text.fixed); isSaid = true; return; }
  clearTimeout(timer);
  timer = setTimeout(send, CHANGE_MILLISECONDS);
}

// Send what was changed of the job that is shown; a picture that was taken away is waited for.
function send() {
  clearTimeout(timer);
  timer = 0;
  isUnsent = false;
  const isWhole = (draft.content || !job.order.content) && (draft.styles.length || !job.order.styles?.length);
  if (!isWhole) return;
  const { id } = job;
  put(id, differences()).then(ordered, error => {
    isUnsent = !error.status && job?.id === id;
    toast(error.message);
  });
}

function askPrint(isPrint) {
  const dialog = $("print");
  const said = h("p", { className: "said", role: "status" });
  const paper = h("input", { id: "paper", value: "30x40cm" }), dpi = h("input", { id: "dpi", type: "number", value: 300, min: 30, max: 1200 });
  const fill = h("input", { id: "fill", type: "checkbox" });
  const size = h("input", { id: "long-side", type: "number", value: 2 * Math.max(job.progress?.width ?? 512, job.progress?.height ?? 512), min: 64, max: 20000 });
  const wanted = () => isPrint ? { print_size: paper.value, dpi: Number(dpi.value), fill: fill.checked } : { size: Number(size.value) };
  let asking = 0;
  const predict = async () => {
    asking += 1;
    const mine = asking;
    go.disabled = true;
    try {
      const found = await api.forecast(job.id, wanted());
      if (mine !== asking) return; // the answer to an earlier question
      said.textContent = `${found.sentence} ${text.takes(found.width, found.height, found.seconds && duration(found.seconds), found.bytes && found.bytes / 1e9)}`;
      go.disabled = false;
    } catch (error) { if (mine === asking) said.textContent = error.message; }
  };
  const go = button(text.order, async () => {
    const made_ = await trying(() => api.larger(job.id, wanted()));
    if (made_) { dialog.close(); await showJob(made_.id); }
  }, { className: "primary", disabled: true });
  const pair = (id, label, input) => h("div", {}, h("label", { htmlFor: id }, label), input);
  const fields = isPrint ? [h("div", { className: "pair" }, pair("paper", text.paper, paper), pair("dpi", text.dpi, dpi)), h("label", {}, fill, " ", text.fillPaper)] : [pair("long-side", text.longSide, size)];
  dialog.replaceChildren(h("h2", {}, isPrint ? text.print : text.largerTitle), ...fields, said,
    h("div", { className: "end" }, button(text.cancel, () => dialog.close()), go));
  for (const input of [paper, dpi, fill, size]) input.addEventListener("input", predict);
  predict();
  dialog.showModal();
}

export function startRun() {
  onDraft(follow);
  document.addEventListener("visibilitychange", followWhileSeen);
  $("drawer").addEventListener("toggle", () => plot(losses));
  render();
}
