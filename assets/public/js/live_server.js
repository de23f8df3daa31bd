// The server's routes for live pictures. What it refuses is thrown as it says it, {code, facts, sentence}.
import { askServer } from "./batch_server.js";
import { now } from "./state.js";

// {id, model}
export const beginPicture = () => askServer("/live", "POST");

// Also while the page is being closed.
export const endPicture = (id) => fetch(`api/live/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});

// The matte of a frame as a picture, black and as opaque as that, and the name of the model that has found it.
export async function findMatte(id, frame) {
  const answer = await fetch(`api/live/${id}/frames`, { method: "POST", headers: { "Accept-Language": now.language }, body: frame });
  if (!answer.ok) throw await answer.json().catch(() => ({ code: "unexpected", facts: { kind: answer.status } }));
  return { matte: await createImageBitmap(await answer.blob()), model: answer.headers.get("X-Live-Model") };
}
