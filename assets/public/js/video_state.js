// What the page knows of its video: what the server tells of it, and how much of it has been sent.

export const video = {
  status: null, // as the server tells it; null where there is none
  sent: null, // of a clip on its way, 0 to 1
  name: "", // of that clip
  isLive: false, // whether the camera is on
};

const watchers = [];

export function onVideo(watcher) {
  watchers.push(watcher);
}

export function changeVideoState(changes) {
  Object.assign(video, changes);
  for (const watcher of watchers) watcher();
}

const PHASES = { ready: "ready", failed: "ready", waiting: "working", running: "working", done: "done" };

export const phaseOf = ({ status, sent, isLive }) => isLive ? "live" : sent !== null ? "sending" : status ? PHASES[status.state] : "empty";
