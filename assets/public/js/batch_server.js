// The server's routes for batches, and its news of one. What it refuses is thrown as it says it, {code, message, facts}.
import { now } from "./state.js";

export async function askServer(path, method = "GET", body = null) {
  const headers = { "Accept-Language": now.language };
  const isForm = body instanceof FormData;
  if (body && !isForm) headers["Content-Type"] = "application/json";
  const answer = await fetch(`api${path}`, { method, headers, body: body && !isForm ? JSON.stringify(body) : body });
  if (!answer.ok) throw await answer.json().catch(() => ({ code: "unexpected", facts: { kind: answer.status } }));
  return answer.status === 204 ? null : answer.json();
}

const ask = (path, ...how) => askServer(`/batches${path}`, ...how);

export function formOf(values) {
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) if (value !== null) form.append(name, value);
  return form;
}

// JSON, or a form where a picture goes along.
export function bodyOf(changes) {
  if (!Object.values(changes).some((value) => value instanceof Blob)) return changes;
  const asText = (value) => value === null ? "" : value instanceof Blob || typeof value === "string" ? value : JSON.stringify(value);
  return formOf(Object.fromEntries(Object.entries(changes).map(([name, value]) => [name, asText(value)])));
}

export const createBatch = (options, behind) => ask("", "POST", formOf({ ...options, background_image: behind }));
export const readBatch = (id) => ask(`/${id}`);
export const changeBatch = (id, changes) => ask(`/${id}`, "PATCH", bodyOf(changes));
export const deleteBatch = (id) => ask(`/${id}`, "DELETE");
export const listItems = async (id, after) => (await ask(`/${id}/items?after=${after}&limit=500`)).items;
export const changeItem = (id, number, changes) => ask(`/${id}/items/${number}`, "PATCH", bodyOf(changes));
export const retryItem = (id, number) => ask(`/${id}/items/${number}/retry`, "POST");
export const deleteItem = (id, number) => ask(`/${id}/items/${number}`, "DELETE");
export const archiveOf = (id) => `api/batches/${id}/archive`;

export function addItems(id, group) {
  const form = new FormData();
  for (const { file, path } of group) form.append("images", file, path);
  return ask(`/${id}/items`, "POST", form);
}

// News since a revision. `hear`: item, status, removed, each with what the server tells; closed, once the browser tries no
// more. Returns what ends it.
export function follow(id, revision, hear) {
  const events = new EventSource(`api/batches/${id}/events?since=${revision}`);
  for (const kind of ["item", "status", "removed"]) events.addEventListener(kind, ({ data }) => hear[kind](JSON.parse(data)));
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) hear.closed(); };
  return () => events.close();
}
