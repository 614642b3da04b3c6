// What axe-core checks first, without its 500 kB: names of controls, alternatives of images, labels, unique ids,
// the order of headings, landmarks, the size of targets and the contrast of text. Returns what is wrong.
() => {
  const wrong = [];
  const top = document.querySelector("dialog[open]") ?? document.body;
  const visible = each => each.checkVisibility({ opacityProperty: false, visibilityProperty: true });
  const describe = each => `<${each.tagName.toLowerCase()} id="${each.id}" class="${each.className}">`;
  const name = each => {
    const by = (each.getAttribute("aria-labelledby") ?? "").split(" ").map(id => document.getElementById(id)?.textContent ?? "").join("");
    const labels = [...(each.labels ?? [])].map(label => label.textContent).join("");
    return (by || each.getAttribute("aria-label") || labels || each.textContent || each.querySelector?.("img")?.alt || each.title || "").trim();
  };
  for (const each of top.querySelectorAll("button, a[href], input, select, summary, [role=application], [role=region], dialog, nav")) {
    if (!visible(each)) continue;
    if (!name(each)) wrong.push(`no name: ${describe(each)}`);
    const box = each.getBoundingClientRect();
    if (each.matches("button, select, .button") && (box.width < 24 || box.height < 17)) wrong.push(`too small to touch: ${describe(each)}`);
  }
  for (const each of top.querySelectorAll("img")) if (!each.hasAttribute("alt")) wrong.push(`no alternative: ${describe(each)}`);
  const ids = [...document.querySelectorAll("[id]")].map(each => each.id);
  for (const id of new Set(ids)) if (ids.filter(each => each === id).length > 1) wrong.push(`id ${id} twice`);
  if (!document.documentElement.lang) wrong.push("no language");
  if (document.querySelectorAll("main:not([hidden])").length !== 1) wrong.push("not one main");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  for (const each of document.querySelectorAll("[tabindex]")) if (each.tabIndex > 0) wrong.push(`tabindex: ${describe(each)}`);

  const channels = color => { const found = color.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0]; return found.length === 3 ? [...found, 1] : found; };
  const light = color => color.slice(0, 3).map(each => each / 255).map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = each => {
    for (let at = each; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color[3] === 1) return color;
    }
    return channels(getComputedStyle(document.documentElement).backgroundColor);
  };
  for (const each of top.querySelectorAll("*")) {
    const says = [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!says || !visible(each) || each.disabled || each.closest("noscript, script, .skip, select")) continue;
    const [one, other] = [light(channels(getComputedStyle(each).color)), light(ground(each))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(1)}: ${describe(each)} ${each.textContent.slice(0, 30)}`);
  }
  return wrong;
}
