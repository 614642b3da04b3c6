// Requests to the studio. An error has the sentence of the server as its message.
import { text } from "./text.js";

async function ask(method, path, body) {
  const json = body !== undefined && !(body instanceof FormData);
  let answer;
  try {
    answer = await fetch(path, { method, body: json ? JSON.stringify(body) : body, headers: json ? { "Content-Type": "application/json" } : {} });
  } catch { throw new Error(text.lost); }
  if (answer.status === 204) return null;
  const value = await answer.json().catch(() => ({ error: text.lost }));
  if (!answer.ok) throw Object.assign(new Error(value.error), { status: answer.status });
  return value;
}

export const api = {
  options: () => ask("GET", "/api/options"),
  demo: () => ask("GET", "/api/demo"),
  info: id => ask("GET", `/api/uploads/${id}/info`),
  faces: id => ask("POST", `/api/uploads/${id}/faces`),
  jobs: () => ask("GET", "/api/jobs"),
  job: id => ask("GET", `/api/jobs/${id}`),
  order: order => ask("POST", "/api/jobs", order),
  change: (id, changes) => ask("PATCH", `/api/jobs/${id}`, changes),
  remove: id => ask("DELETE", `/api/jobs/${id}`),
  restore: id => ask("POST", `/api/jobs/${id}/restore`),
  larger: (id, options) => ask("POST", `/api/jobs/${id}/larger`, options),
  forecast: (id, options) => ask("GET", `/api/jobs/${id}/forecast?${new URLSearchParams(options)}`),
  upload(file, name = file.name) {
    const form = new FormData();
    form.append("file", file, name || "picture.png");
    return ask("POST", "/api/uploads", form);
  },
};

export const thumbnailUrl = id => `/api/uploads/${id}/thumbnail`;
export const viewUrl = id => `/api/uploads/${id}/view`;
