// The warnings of a result: which of them are told over the picture, and in what words.
import { say } from "./words.js";

export const NOTHING = "nothing_found"; // has a message of its own over the photo
const ONCE = ["engine_fallback"]; // about the machine: with the first picture is enough
const told = new Map(); // code → the message that told it first
const owners = {}; // of those that are told elsewhere: code → function

// `tell` says of a message with this warning whether it is told elsewhere.
export function ownWarning(code, tell) {
  owners[code] = tell;
}

const isTold = (code, message) => code !== NOTHING && !owners[code]?.(message) && (!ONCE.includes(code) || told.get(code) === message);

export function sayWarnings(message) {
  for (const code of message.warnings) if (!told.has(code)) told.set(code, message);
  return message.warnings.filter((code) => isTold(code, message)).map((code) => say(`warning.${code}`, message));
}
