// What can be taken along of the live picture: a still, and a recording.
import { $ } from "./dom.js";
import { saveFile } from "./files.js";

const TYPES = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"]; // the first that a browser has
const BITS = 5e6; // a second
const EVERY = 1000; // milliseconds between the parts of a recording

let recorder = null;

const nameFile = (ending) => `live-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.${ending}`;

export const isRecording = () => Boolean(recorder);
export const canRecord = () => "MediaRecorder" in window && TYPES.some((type) => MediaRecorder.isTypeSupported(type));

export function saveStill() {
  $("live-picture").toBlob((blob) => saveFile(blob, nameFile("png")), "image/png");
}

export function beginRecording() {
  const [type, parts] = [TYPES.find((each) => MediaRecorder.isTypeSupported(each)), []];
  recorder = new MediaRecorder($("live-picture").captureStream(), { mimeType: type, videoBitsPerSecond: BITS });
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  recorder.addEventListener("stop", () => saveFile(new Blob(parts, { type }), nameFile(type.includes("mp4") ? "mp4" : "webm")));
  recorder.start(EVERY);
}

// The recording, if there is one, becomes a file.
export function endRecording() {
  recorder?.stop();
  recorder = null;
}
