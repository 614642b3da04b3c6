// The job that the page shows: it is ordered, watched, paused, changed while it is painted, and enlarged.
import { api, viewUrl } from "./api.js";
import { $, attempt, button, h, toast } from "./dom.js";
import { draft, isOwn, load, markOrdered, noteChange, onDraft, order } from "./draft.js";
import { lockTime } from "./form.js";
import { plot } from "./plot.js";
import { duration, text } from "./text.js";
import { show } from "./view.js";

const CHANGE_MILLISECONDS = 500;
const RETRY_MILLISECONDS = 3000; // until a stream that the browser has given up is opened again
const ACTIVE = new Set(["waiting", "painting", "paused"]);
let job = null, stream = null, losses = [], timer = 0, preview = 0, drawn = 0, loading = 0, sending = 0, visit = 0;
let isLost = false, isUnsent = false, isFixedSaid = false; // the connection; a change that it did not carry; that a film does not change

export const current = () => job;

// Show a job, or with null what is to be painted next.
export async function showJob(id, { loads = true, isFirst = false } = {}) {
  if (timer) send(); // the last change of the job that was shown
  visit += 1;
  const thisVisit = visit;
  const next = id ? await attempt(() => api.job(id)) ?? null : null;
  if (thisVisit !== visit) return; // another job is shown by now
  stream?.close();
  isLost = isUnsent = isFixedSaid = false;
  job = next;
  losses = [];
  preview = job?.preview ?? 0;
  $("log").replaceChildren();
  if ($("gallery").hidden && location.hash.slice(1) !== (job?.id ?? "")) {
    const isNew = !isFirst && (job || !id); // Back does not lead to a job that there is not
    history[isNew ? "pushState" : "replaceState"](null, "", job ? `#${job.id}` : location.pathname);
  }
  if (job && loads) await loadDraft(job);
  if (thisVisit !== visit) return;
  if (job) watch(job.id);
  render();
}

// Bring the pictures and settings of a job into the form.
export async function loadDraft(source) {
  const { content, initial, styles = [], ...options } = source.order;
  const ids = [content, ...styles.map(style => style.picture)].filter(Boolean);
  const thisVisit = visit;
  loading += 1;
  try {
    const infos = await attempt(async () => Object.fromEntries(await Promise.all(ids.map(async id => [id, await api.info(id)]))));
    if (!infos || thisVisit !== visit) return;
    const replaced = isOwn() ? structuredClone(draft) : null;
    load({ content, styles, ...options }, infos);
    if (replaced) toast(text.replaced, text.bringBack, () => bringBack(replaced));
  } finally { loading -= 1; }
}

async function bringBack(replaced) {
  await showJob(null);
  Object.assign(draft, replaced);
  noteChange("pictures");
}

function watch(id) {
  const opened = new EventSource(`/api/jobs/${id}/events`);
  const eventCount = job.events;
  stream = opened;
  opened.addEventListener("open", () => { losses = []; $("log").replaceChildren(); }, { once: true }); // the stream tells all from the start
  opened.onmessage = ({ data, lastEventId }) => { take(JSON.parse(data), Number(lastEventId) > eventCount); schedule(); };
  opened.onerror = () => {
    isLost = true;
    schedule();
    if (opened.readyState === EventSource.CLOSED) setTimeout(() => { if (stream === opened) watchWhileVisible(); }, RETRY_MILLISECONDS);
  };
  opened.onopen = () => {
    isLost = false;
    if (isUnsent) send();
    schedule();
  };
}

// Open the stream of the job again. A hidden page holds none: a browser has six connections to a server, for all of its tabs.
function watchWhileVisible() {
  stream?.close();
  if (!document.hidden && job) watch(job.id);
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

let refreshTimer = 0;
function refresh() {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(async () => {
    const id = job?.id;
    const latest = id && await attempt(() => api.job(id));
    if (!latest || job?.id !== id) return;
    const isChanged = JSON.stringify(latest.order) !== JSON.stringify(job.order); // by another page
    job = latest;
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

function progressText({ fraction, seconds_left: seconds, stage, stages, evaluation, width, height }) {
  const stageText = job.is_film ? text.frame : text.stage;
  return [`${Math.floor(fraction * 100)} %`, seconds ? text.remaining(duration(seconds)) : null, `${width} × ${height}`, stages > 1 ? stageText(stage, stages) : null, text.evaluation(evaluation)].filter(Boolean).join(" · ");
}

function statusText() {
  if (!job) return draft.content && draft.styles.length ? text.hintReady : "";
  if (job.state === "painting") return job.progress && losses.length ? progressText(job.progress) : text.starting;
  if (job.state === "done") return `${text.done} ${job.sentence}.`;
  if (job.state === "failed") return `${text.failed}: ${job.sentence}`;
  return [text[job.state], job.sentence].filter(Boolean).join(" ");
}

function actions() {
  const ask = state => () => attempt(async () => { await put(job.id, { state }); render(); });
  const state = job?.state;
  const buttons = [];
  if (state === "painting") buttons.push(button(text.pause, ask("paused"), { id: "pause" }));
  if (state === "paused") buttons.push(button(text.resume, ask("waiting"), { id: "resume" }));
  if (state === "stopped" || (state === "failed" && job.progress)) buttons.push(button(text.resume, continueRun, { id: "resume" }));
  if (state === "done" && !job.is_film) buttons.push(button(text.continueRun, continueRun, { id: "continue", title: text.continueRunHelp }));
  if (ACTIVE.has(state)) buttons.push(button(text.stop, ask("stopped"), { id: "stop" }));
  if (job?.result && state !== "painting") {
    if (!job.is_film) buttons.push(button(text.larger, () => askPrint(false), { id: "larger" }), button(`${text.print} …`, () => askPrint(true), { id: "print-button" }));
    buttons.push(h("a", { className: "button", id: "download", href: job.result, download: "" }, text.download));
  }
  if (ACTIVE.has(state)) buttons.push(button(text.newPicture, () => showJob(null), { id: "new" }));
  else buttons.push(button(job ? text.paintAgain : text.paint, paint, { id: "go", className: "primary", disabled: !(draft.content || draft.styles.length) || !(draft.styles.length || draft.settings.style_weight === 0) }));
  return buttons;
}

let drawnActions = "";
function render() {
  const actionsKey = JSON.stringify([job?.id, job?.state, job?.result, Boolean(draft.content), draft.styles.length]);
  if (actionsKey !== drawnActions) {
    const focused = document.activeElement?.id;
    $("actions").replaceChildren(...actions());
    if (drawnActions && focused && $("actions").childElementCount) (document.getElementById(focused) ?? (document.activeElement === document.body ? $("actions").lastElementChild : null))?.focus();
    drawnActions = actionsKey;
  }
  document.body.classList.toggle("has-run", Boolean(job));
  lockTime(ACTIVE.has(job?.state));
  if (isLost && ACTIVE.has(job?.state)) status(`${text.lost} ${text.tryingAgain}`, true);
  else status(statusText(), job?.state === "failed");
  $("progress").hidden = job?.state !== "painting";
  $("progress").value = job?.progress?.fraction ?? 0;
  if ($("drawer").open) plot(losses);
  const after = job && (job.preview || preview) ? `/api/jobs/${job.id}/preview?${preview}` : null;
  const before = draft.content && !(job?.is_film && after) ? viewUrl(draft.content.id) : null;
  const film = job?.is_film && job.result && job.state !== "waiting" ? `${job.result}?${preview}` : null;
  show({ before, after, film, full: job?.result && job.state !== "painting" && !job.is_film ? `${job.result}?format=${job.order.format === "tif" ? "png" : job.order.format ?? "png"}` : after });
}

async function paint() {
  const ordered = await attempt(() => api.order(order()));
  if (!ordered) return;
  markOrdered();
  await showJob(ordered.id, { loads: false });
}

// Change a job; the answer of the studio replaces it, unless another job is shown by now.
async function put(id, changes) {
  sending += 1;
  try {
    const answer = await api.change(id, changes);
    if (job?.id === id) job = answer;
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
  const runtime = job.state === "done" ? { runtime: { ...cleared(job.order.runtime), ...draft.runtime } } : {};
  const changes = job.is_fixed ? {} : { ...differences(), ...runtime };
  const isDone = await attempt(async () => { await put(job.id, { ...changes, state: "waiting" }); return true; });
  if (!isDone) return;
  if (!job.is_fixed) markOrdered();
  losses = [];
  render();
}

// Change the job that is painted when the form changes.
function follow() {
  render();
  if (!job || loading || !ACTIVE.has(job.state)) return;
  if (job.is_fixed) { if (!isFixedSaid) toast(text.fixed); isFixedSaid = true; return; }
  clearTimeout(timer);
  timer = setTimeout(send, CHANGE_MILLISECONDS);
}

// Send what was changed of the job that is shown; a picture that was taken away is waited for.
function send() {
  clearTimeout(timer);
  timer = 0;
  isUnsent = false;
  const isComplete = (draft.content || !job.order.content) && (draft.styles.length || !job.order.styles?.length);
  if (!isComplete) return;
  const { id } = job;
  put(id, differences()).then(markOrdered, error => {
    isUnsent = !error.status && job?.id === id;
    toast(error.message);
  });
}

function askPrint(isPrint) {
  const dialog = $("print");
  const forecast = h("p", { className: "said", role: "status" });
  const paper = h("input", { id: "paper", value: "30x40cm" }), dpi = h("input", { id: "dpi", type: "number", value: 300, min: 30, max: 1200 });
  const fill = h("input", { id: "fill", type: "checkbox" });
  const size = h("input", { id: "long-side", type: "number", value: 2 * Math.max(job.progress?.width ?? 512, job.progress?.height ?? 512), min: 64, max: 20000 });
  const options = () => isPrint ? { print_size: paper.value, dpi: Number(dpi.value), fill: fill.checked } : { size: Number(size.value) };
  let question = 0;
  const predict = async () => {
    question += 1;
    const thisQuestion = question;
    go.disabled = true;
    try {
      const answer = await api.forecast(job.id, options());
      if (thisQuestion !== question) return; // the answer to an earlier question
      forecast.textContent = `${answer.sentence} ${text.takes(answer.width, answer.height, answer.seconds && duration(answer.seconds), answer.bytes && answer.bytes / 1e9)}`;
      go.disabled = false;
    } catch (error) { if (thisQuestion === question) forecast.textContent = error.message; }
  };
  const go = button(text.order, async () => {
    const larger = await attempt(() => api.larger(job.id, options()));
    if (larger) { dialog.close(); await showJob(larger.id); }
  }, { className: "primary", disabled: true });
  const labeled = (id, label, input) => h("div", {}, h("label", { htmlFor: id }, label), input);
  const fields = isPrint ? [h("div", { className: "pair" }, labeled("paper", text.paper, paper), labeled("dpi", text.dpi, dpi)), h("label", {}, fill, " ", text.fillPaper)] : [labeled("long-side", text.longSide, size)];
  dialog.replaceChildren(h("h2", {}, isPrint ? text.print : text.largerTitle), ...fields, forecast,
    h("div", { className: "end" }, button(text.cancel, () => dialog.close()), go));
  for (const input of [paper, dpi, fill, size]) input.addEventListener("input", predict);
  predict();
  dialog.showModal();
}

export function startRun() {
  onDraft(follow);
  document.addEventListener("visibilitychange", watchWhileVisible);
  $("drawer").addEventListener("toggle", () => plot(losses));
  render();
}
