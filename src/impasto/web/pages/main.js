// Start the page: words, pictures, form, what the address names or the job that is painted. Back and Forward follow the address.
import { api } from "./api.js";
import { $, trying } from "./dom.js";
import { isOwn, setUnused } from "./draft.js";
import { startForm } from "./form.js";
import { renderGallery, startGallery } from "./gallery.js";
import { current, showJob, startRun } from "./run.js";
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
function goTo(name) {
  const address = name === "gallery" ? "#gallery" : current() ? `#${current().id}` : location.pathname;
  if ((name === "gallery") === $("gallery").hidden) history.pushState(null, "", address);
  openTab(name);
}

const named = () => location.hash.slice(1);

$("show-paint").addEventListener("click", () => goTo("paint"));
$("show-gallery").addEventListener("click", () => goTo("gallery"));
for (const way of ["drop", "paste"]) { // what arrives in the gallery is shown where it is used
  document.addEventListener(way, event => { if ((event.dataTransfer ?? event.clipboardData)?.files.length && !document.querySelector("dialog[open]")) goTo("paint"); });
}
$("skip").addEventListener("click", event => { event.preventDefault(); document.querySelector(event.target.hash).focus(); }); // the address names the job
await startSources();
startRun();
const options = await trying(api.options);
if (options) { setUnused(options.unused_in_film); startForm(options); }
const jobs = await startGallery();
if (named() === "gallery") openTab("gallery");
const wanted = named() && named() !== "gallery" ? named() : isOwn() ? null : jobs.find(job => job.state === "painting")?.id;
if (wanted) await showJob(wanted, { isFirst: true });
window.addEventListener("hashchange", () => {
  openTab(named() === "gallery" ? "gallery" : "paint");
  if (named() !== "gallery") showJob(named() || null);
});
document.documentElement.dataset.ready = "yes";
