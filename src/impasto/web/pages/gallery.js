// The gallery of all pictures, and the queue of waiting ones.
import { api } from "./api.js";
import { $, button, h, toast, trying } from "./dom.js";
import { loadDraft, showJob } from "./run.js";
import { text } from "./text.js";

const POLL_MILLISECONDS = 3000;
let jobs = [];

const waiting = () => jobs.filter(job => job.state === "waiting").sort((one, other) => one.position - other.position);
const busy = () => [...jobs.filter(job => job.state === "painting"), ...waiting()];

function card(job, openPaint) {
  const open = () => { openPaint(); showJob(job.id); };
  const facts = [text.states[job.state], job.order.preset, job.progress ? `${job.progress.width} × ${job.progress.height}` : null, ...Object.entries(job.order.settings ?? {}).slice(0, 4).map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "object" ? "…" : value}`)];
  const picture = job.preview ? h("img", { src: `/api/jobs/${job.id}/preview?${job.preview}`, alt: "", loading: "lazy" }) : null;
  return h("figure", { className: "card" },
    button(picture ?? "", open, { className: "open", "aria-label": `${text.open} ${job.title}` }),
    h("figcaption", {}, h("p", { className: "title" }, job.title), h("p", { className: "facts" }, facts.filter(Boolean).join(" · ")),
      h("div", { className: "acts" },
        button(text.reuseJob, async () => { openPaint(); await showJob(null); await loadDraft(job); }),
        job.result && h("a", { className: "button", href: job.result, download: "" }, text.download),
        h("a", { className: "button", href: `/api/jobs/${job.id}/zip`, download: "" }, text.zip),
        button(text.delete, () => remove(job, openPaint), { "aria-label": `${text.delete} ${job.title}` }))));
}

async function remove(job, openPaint) {
  await trying(() => api.remove(job.id));
  await renderGallery(openPaint);
  toast(text.deleted, text.undoDelete, async () => { await trying(() => api.restore(job.id)); renderGallery(openPaint); });
}

export async function renderGallery(openPaint) {
  jobs = await trying(api.jobs) ?? jobs;
  const head = h("div", { className: "row" }, h("h2", {}, text.galleryTab), h("a", { className: "button", href: "/api/zip", download: "" }, text.everything));
  const body = jobs.length ? h("div", { className: "pictures" }, jobs.map(job => card(job, openPaint))) : h("p", { className: "empty" }, text.emptyGallery);
  $("gallery").replaceChildren(...(jobs.length ? [head] : []), body);
}

function move(job, by) {
  const line = waiting(), index = line.indexOf(job), other = line[index + by];
  const beyond = line[index + 2 * by];
  const position = beyond ? (other.position + beyond.position) / 2 : other.position + by;
  return trying(async () => { await api.change(job.id, { position }); await poll(); });
}

function renderQueue() {
  const line = waiting();
  const items = busy().map(job => h("li", { className: "queue-item" }, h("span", {}, job.title, h("small", {}, text.states[job.state])),
    h("div", {},
      job.state === "waiting" && button("↑", () => move(job, -1), { className: "icon", "aria-label": `${text.up}: ${job.title}`, disabled: line[0] === job }),
      job.state === "waiting" && button("↓", () => move(job, 1), { className: "icon", "aria-label": `${text.down}: ${job.title}`, disabled: line.at(-1) === job }),
      button(text.cancelJob, () => trying(async () => { await api.change(job.id, { state: "stopped" }); await poll(); }), { "aria-label": `${text.cancelJob}: ${job.title}` }))));
  $("queue").replaceChildren(h("h2", {}, text.queue), items.length ? h("ol", {}, items) : h("p", { className: "said" }, text.emptyQueue),
    h("div", { className: "end" }, button(text.close, () => $("queue").close())));
}

async function poll() {
  try { jobs = await api.jobs(); } catch { return; }
  $("queue-count").textContent = busy().length;
  if ($("queue").open) renderQueue();
}

export async function startGallery() {
  $("show-queue").addEventListener("click", async () => { await poll(); renderQueue(); $("queue").showModal(); });
  setInterval(() => { if (!document.hidden) poll(); }, POLL_MILLISECONDS);
  await poll();
  return jobs;
}
