// Start the page: words, pictures, form, the job of the address or the one that is painted.
import { api } from "./api.js";
import { $, trying } from "./dom.js";
import { isOwn, setUnused } from "./draft.js";
import { startForm } from "./form.js";
import { renderGallery, startGallery } from "./gallery.js";
import { showJob, startRun } from "./run.js";
import { startSources } from "./sources.js";
import { fillWords } from "./text.js";

function openTab(name) {
  for (const each of ["paint", "gallery"]) {
    $(each).hidden = each !== name;
    if (each === name) $(`show-${each}`).setAttribute("aria-current", "page");
    else $(`show-${each}`).removeAttribute("aria-current");
  }
  $("skip").hash = name === "gallery" ? "gallery" : "canvas";
  if (name === "gallery") renderGallery(() => openTab("paint"));
}

fillWords(document);
$("show-paint").addEventListener("click", () => openTab("paint"));
$("show-gallery").addEventListener("click", () => openTab("gallery"));
$("skip").addEventListener("click", event => { event.preventDefault(); document.querySelector(event.target.hash).focus(); }); // the address names the job
await startSources();
startRun();
const options = await trying(api.options);
if (options) { setUnused(options.unused_in_film); startForm(options); }
const jobs = await startGallery();
const wanted = location.hash.slice(1) || (isOwn() ? null : jobs.find(job => job.state === "painting")?.id);
if (wanted) await showJob(wanted);
window.addEventListener("hashchange", () => showJob(location.hash.slice(1) || null));
document.documentElement.dataset.ready = "yes";
