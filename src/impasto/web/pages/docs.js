// The page of the API, from its description.
import { $, h } from "./dom.js";

const api = await (await fetch("/openapi.json")).json();

function route(path, method, { description, parameters = [] }) {
  const names = parameters.filter(each => each.in === "query").map(each => each.name);
  return h("article", {}, h("h3", {}, h("code", {}, `${method.toUpperCase()} ${path}${names.length ? `?${names.join("=…&")}=…` : ""}`)), h("p", {}, description ?? ""));
}

$("routes").append(...Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => route(path, method, operation))));
const order = api.paths["/api/jobs"].post.requestBody.content["application/json"].schema;
$("fields").append(h("dl", {}, Object.entries(order.properties).flatMap(([name, { description, default: initial }]) =>
  [h("dt", {}, h("code", {}, name)), h("dd", {}, [description, initial === undefined ? "" : `Default: ${JSON.stringify(initial)}.`].filter(Boolean).join(" "))])));
document.documentElement.dataset.ready = "yes";
