// The server's routes for videos, and its news of one. What it refuses is thrown as it says it, {code, message, facts}.
import { askServer, bodyOf, formOf } from "./batch_server.js";
import { sendTelling } from "./sending.js";
import { now } from "./state.js";

const ask = (path, ...how) => askServer(`/videos${path}`, ...how);

export const readVideo = (id) => ask(`/${id}`);
export const changeVideo = (id, changes) => ask(`/${id}`, "PATCH", bodyOf(changes));
export const deleteVideo = (id) => ask(`/${id}`, "DELETE");
export const stillOf = (id, second) => `api/videos/${id}/frame?at=${second}`;
export const readStrokes = (id) => ask(`/${id}/marks`);
export const clipOf = (id) => `api/videos/${id}/clip`;
export const resultOf = (id) => `api/videos/${id}/result`;

// A clip that waits until it is told to run; `tell` hears how much of it has been sent, 0 to 1.
export async function sendVideo(file, tell, signal) {
  const how = { body: formOf({ video: file, begin: "false" }), headers: { "Accept-Language": now.language }, signal };
  const answer = await sendTelling("api/videos", how, ({ done, total }) => tell(done / Math.max(1, total)));
  if (!answer.ok) throw await answer.json().catch(() => ({ code: "unexpected", facts: { kind: answer.status } }));
  return answer.json();
}

// The address of one frame, cut out, as a picture of this page.
export async function cutFrame(id, second, options) {
  const query = new URLSearchParams({ at: second, ...options });
  const answer = await fetch(`api/videos/${id}/preview?${query}`, { headers: { "Accept-Language": now.language } });
  if (!answer.ok) throw await answer.json();
  return URL.createObjectURL(await answer.blob());
}

// The address of the newest frame of a video that is being made, as a picture of this page; null before the first.
export async function newestFrame(id) {
  const answer = await fetch(`api/videos/${id}/newest`);
  return answer.ok ? URL.createObjectURL(await answer.blob()) : null;
}

// `hear`: status, with what the server tells; closed, once the browser tries no more. Returns what ends it.
export function followVideo(id, hear) {
  const events = new EventSource(`api/videos/${id}/events`);
  events.addEventListener("status", ({ data }) => hear.status(JSON.parse(data)));
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) hear.closed(); };
  return () => events.close();
}
