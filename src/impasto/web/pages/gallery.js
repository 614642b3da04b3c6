// The gallery of all pictures, and the queue of waiting ones.
import { api } from "./api.js";
import { $, attempt, button, h, toast } from "./dom.js";
import { current, loadDraft, showJob } from "./run.js";
import { text } from "./text.js";

const POLL_MILLISECONDS = 3000;
let jobs = [], cards = new Map(), openTab = null;

const waiting = () => jobs.filter(job => job.state === "waiting").sort((left, right) => left.position - right.position);
const busy = () => [...jobs.filter(job => job.state === "painting"), ...waiting()];

function card(job) {
  const open = () => { openTab(); showJob(job.id); };
  const facts = [text.states[job.state], job.is_film ? text.film : null, job.order.preset, job.progress ? `${job.progress.width} × ${job.progress.height}` : null, ...Object.entries(job.order.settings ?? {}).slice(0, 4).map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "object" ? "…" : value}`)];
  const picture = job.preview ? h("img", { src: `/api/jobs/${job.id}/preview?${job.preview}`, alt: "", loading: "lazy" }) : null;
  return h("figure", { className: "card" },
    button(picture ?? "", open, { className: "open", "aria-label": `${text.open} ${job.title}` }),
    h("figcaption", {}, h("p", { className: "title" }, job.title), h("p", { className: "facts" }, facts.filter(Boolean).join(" · ")),
      h("div", { className: "acts" },
        button(text.reuseJob, async () => { openTab(); await showJob(null); await loadDraft(job); }),
        job.result && h("a", { className: "button", href: job.result, download: "" }, text.download),
        h("a", { className: "button", href: `/api/jobs/${job.id}/zip`, download: "" }, text.zip),
        button(text.delete, () => remove(job), { "aria-label": `${text.delete} ${job.title}` }))));
}

async function remove(job) {
  const isDone = await attempt(async () => { await api.remove(job.id); return true; });
  if (isDone && current()?.id === job.id) await showJob(null);
  await renderGallery(openTab);
  if (isDone) toast(text.deleted, text.undoDelete, async () => { await attempt(() => api.restore(job.id)); renderGallery(openTab); });
}

export async function renderGallery(openPaint) {
  openTab = openPaint;
  jobs = await attempt(api.jobs) ?? jobs;
  drawGallery();
}

function replaceCard(old, next) {
  const focused = [...old.querySelectorAll("button, a")].indexOf(document.activeElement);
  old.replaceWith(next);
  if (focused >= 0) next.querySelectorAll("button, a")[focused]?.focus();
}

// Draw the cards that are new or have changed; the others stay as they are, with the focus.
function drawGallery() {
  const keys = new Map(jobs.map(job => [job.id, JSON.stringify([job.state, job.title, job.preview, job.result, job.progress?.width, job.order])]));
  if (keys.size && [...keys.keys()].join() === [...cards.keys()].join()) {
    jobs.forEach((job, number) => { if (keys.get(job.id) !== cards.get(job.id)) replaceCard($("gallery").querySelectorAll(".card")[number], card(job)); });
  } else {
    const head = h("div", { className: "row" }, h("h2", {}, text.galleryTab), h("a", { className: "button", href: "/api/zip", download: "" }, text.everything));
    const body = jobs.length ? h("div", { className: "pictures" }, jobs.map(card)) : h("p", { className: "empty" }, text.emptyGallery);
    $("gallery").replaceChildren(...(jobs.length ? [head] : []), body);
  }
  cards = keys;
}

function move(job, by) {
  const queue = waiting(), index = queue.indexOf(job), neighbor = queue[index + by];
  const next = queue[index + 2 * by];
  const position = next ? (neighbor.position + next.position) / 2 : neighbor.position + by;
  return attempt(async () => { await api.change(job.id, { position }); await poll(); });
}

function renderQueue() {
  const focused = document.activeElement?.getAttribute("aria-label");
  const queue = waiting();
  const items = busy().map(job => h("li", { className: "queue-item" }, h("span", {}, job.title, h("small", {}, text.states[job.state])),
    h("div", {},
      job.state === "waiting" && button("↑", () => move(job, -1), { className: "icon", "aria-label": `${text.up}: ${job.title}`, disabled: queue[0] === job }),
      job.state === "waiting" && button("↓", () => move(job, 1), { className: "icon", "aria-label": `${text.down}: ${job.title}`, disabled: queue.at(-1) === job }),
      button(text.cancelJob, () => attempt(async () => { await api.change(job.id, { state: "stopped" }); await poll(); }), { "aria-label": `${text.cancelJob}: ${job.title}` }))));
  $("queue").replaceChildren(h("h2", {}, text.queue), items.length ? h("ol", {}, items) : h("p", { className: "said" }, text.emptyQueue),
    h("div", { className: "end" }, button(text.close, () => $("queue").close(), { "aria-label": text.close })));
  if (focused) ([...$("queue").querySelectorAll("button:enabled")].find(element => element.getAttribute("aria-label") === focused) ?? $("queue").querySelector(".end button")).focus();
}

async function poll() {
  try { jobs = await api.jobs(); } catch { return; }
  $("queue-count").textContent = busy().length;
  if ($("queue").open) renderQueue();
  if (!$("gallery").hidden) drawGallery();
}

export async function startGallery() {
  $("show-queue").addEventListener("click", async () => { await poll(); renderQueue(); $("queue").showModal(); });
  setInterval(() => { if (!document.hidden) poll(); }, POLL_MILLISECONDS);
  await poll();
  return jobs;
}
