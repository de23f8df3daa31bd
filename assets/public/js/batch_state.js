// What the page knows of its batch: how far it is, its photos, what is still to be sent, and which are shown.

export const batch = {
  status: null, // as the server tells it; null where there is none
  items: new Map(), // by number
  sent: 0, // of the files that are being sent
  toSend: 0,
  bytesToSend: 0,
  filter: "all",
};

const watchers = [];
let drawing = null;

export function onBatch(watcher) {
  watchers.push(watcher);
}

// News come faster than a screen shows them.
export function changed() {
  drawing ??= requestAnimationFrame(() => {
    drawing = null;
    for (const watcher of watchers) watcher();
  });
}

// The newest word on a photo counts, whichever way it has come.
export function takeItem(item) {
  if (item.revision < (batch.items.get(item.number)?.revision ?? 0)) return;
  batch.items.set(item.number, item);
  changed();
}

export function dropItem(number) {
  batch.items.delete(number);
  changed();
}

export function takeStatus(status) {
  if (batch.status && (status.id !== batch.status.id || status.revision < batch.status.revision)) return;
  batch.status = status;
  changed();
}

export function clearBatch() {
  Object.assign(batch, { status: null, items: new Map(), sent: 0, toSend: 0, bytesToSend: 0, filter: "all" });
  changed();
}

// Nothing is worked on, and nothing more is to come.
export const isOver = () => batch.status.state === "done" && batch.toSend === 0;

export const needsLook = (item) => item.state === "done" && item.reasons.length > 0;
const FILTERS = { all: () => true, looks: needsLook, failed: (item) => item.state === "failed" };
export const filters = Object.keys(FILTERS);

export const allItems = () => [...batch.items.values()].sort((one, other) => one.number - other.number);
export const shownItems = () => allItems().filter(FILTERS[batch.filter]);
