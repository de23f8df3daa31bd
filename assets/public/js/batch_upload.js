// Photos on their way to the batch: a few at a time, one group after another; what the connection has cut off goes again.
import { isAway, lookAfterServer, onReturn } from "./connection.js";
import { addItems, listItems } from "./batch_server.js";
import { batch, changed, takeItem, takeStatus } from "./batch_state.js";
import { isArchive, isReadable } from "./files.js";
import { setUnsent } from "./store.js";

const MOST = 8; // files in a request
const MOST_BYTES = 20e6;
const REST = 1000; // milliseconds before the next try, where the server is there

const measure = (entries) => entries.reduce((bytes, { file }) => bytes + file.size, 0);

let queue = []; // {file, path}
let isSending = false;
let back = []; // what waits for the server

// An archive goes alone: what is wrong with it is wrong with nothing else.
function takeGroup() {
  const group = [];
  let bytes = 0;
  for (const entry of queue) {
    const alone = isArchive(entry.file);
    if (group.length && (alone || group.length === MOST || bytes + entry.file.size > MOST_BYTES)) break;
    group.push(entry);
    bytes += entry.file.size;
    if (alone) break;
  }
  queue = queue.slice(group.length);
  return group;
}

function waitForServer() {
  return new Promise((done) => {
    lookAfterServer().then(() => isAway() ? back.push(done) : setTimeout(done, REST));
  });
}

const lastNumber = () => Math.max(0, ...batch.items.keys());

// Those that have come since a number was the last.
async function takeNew(id, before) {
  const items = await listItems(id, before);
  for (const item of items) takeItem(item);
  return items;
}

// Of a group that was cut off, what has not come after all. Of an archive all comes, or nothing.
async function missingOf(group, id, before) {
  const came = new Set((await takeNew(id, before)).map(({ name }) => name));
  const isThere = ({ file, path }) => isArchive(file) ? came.size > 0 : came.has(path);
  const isReadableNow = await Promise.all(group.map(({ file }) => isReadable(file)));
  return {
    left: group.filter((entry, at) => isReadableNow[at] && !isThere(entry)),
    gone: group.filter((entry, at) => !isReadableNow[at] && !isThere(entry)),
  };
}

async function deliver(group, tell) {
  const { id } = batch.status;
  const before = lastNumber();
  while (group.length && batch.status?.id === id) {
    try {
      takeStatus(await addItems(id, group));
      return await takeNew(id, before); // so that the last number is known
    } catch (error) {
      if (error.code) return batch.status?.id === id && tell(error);
      await waitForServer();
      const { left, gone } = await missingOf(group, id, before).catch(() => ({ left: group, gone: [] }));
      for (const { path } of gone) tell({ gone: path });
      group = left;
    }
  }
}

// `tell` hears of what the server refuses, and of files that cannot be read any more, {gone: path}.
export async function send(entries, tell) {
  queue.push(...entries);
  batch.toSend += entries.length;
  batch.bytesToSend += measure(entries);
  changed();
  if (isSending) return;
  isSending = true;
  while (queue.length) {
    setUnsent(queue.length);
    const group = takeGroup();
    await deliver(group, tell);
    batch.sent += group.length;
    batch.bytesToSend -= measure(group);
    changed();
  }
  isSending = false;
  setUnsent(0);
  batch.sent = batch.toSend = batch.bytesToSend = 0;
  changed();
}

// Nothing more goes to a batch that has ended.
export function stopSending() {
  queue = [];
  for (const done of back.splice(0)) done();
}

export function beginUpload() {
  onReturn(() => { for (const done of back.splice(0)) done(); });
  addEventListener("beforeunload", (event) => { if (isSending) event.preventDefault(); });
}
