// Start the page: texts, pictures, the form, and the job that the address names or that is painted. Back and Forward follow the address.
import { api } from "./api.js";
import { $, attempt } from "./dom.js";
import { isOwn, setUnused } from "./draft.js";
import { startForm } from "./form.js";
import { renderGallery, startGallery } from "./gallery.js";
import { current, showJob, startRun } from "./run.js";
import { startSources } from "./sources.js";
import { fillText } from "./text.js";

function openTab(name) {
  for (const tab of ["paint", "gallery"]) {
    $(tab).hidden = tab !== name;
    if (tab === name) $(`show-${tab}`).setAttribute("aria-current", "page");
    else $(`show-${tab}`).removeAttribute("aria-current");
  }
  $("skip").hash = name === "gallery" ? "gallery" : "canvas";
  if (name === "gallery") renderGallery(() => openTab("paint"));
}

fillText(document);
function goTo(name) {
  const address = name === "gallery" ? "#gallery" : current() ? `#${current().id}` : location.pathname;
  if ((name === "gallery") === $("gallery").hidden) history.pushState(null, "", address);
  openTab(name);
}

const hash = () => location.hash.slice(1);

$("show-paint").addEventListener("click", () => goTo("paint"));
$("show-gallery").addEventListener("click", () => goTo("gallery"));
for (const type of ["drop", "paste"]) { // what arrives in the gallery is shown where it is used
  document.addEventListener(type, event => { if ((event.dataTransfer ?? event.clipboardData)?.files.length && !document.querySelector("dialog[open]")) goTo("paint"); });
}
$("skip").addEventListener("click", event => { event.preventDefault(); document.querySelector(event.target.hash).focus(); }); // the address names the job
await startSources();
startRun();
const options = await attempt(api.options);
if (options) { setUnused(options.unused_in_film); startForm(options); }
const jobs = await startGallery();
if (hash() === "gallery") openTab("gallery");
const id = hash() && hash() !== "gallery" ? hash() : isOwn() ? null : jobs.find(job => job.state === "painting")?.id;
if (id) await showJob(id, { isFirst: true });
window.addEventListener("hashchange", () => {
  openTab(hash() === "gallery" ? "gallery" : "paint");
  if (hash() !== "gallery") showJob(hash() || null);
});
document.documentElement.dataset.ready = "yes";
