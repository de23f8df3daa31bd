// Files that a visitor gives: which of them are pictures or archives, and what is in folders. Each with its path in these.
// And files that the page itself has made, to be taken along.
import { make } from "./dom.js";

export const PICTURES = "image/*,.heic,.heif,.avif,.tif,.tiff";
export const ARCHIVES = ".zip,.tar,.tgz,.tbz2,.txz,.gz,.bz2,.xz";
export const VIDEOS = "video/*,.mkv,.gif,.webp,.apng";
const PICTURE = /^image\/|\.(heic|heif|avif|tiff?)$/;
const VIDEO = /^video\/|\.(avi|m4v|mkv|mov|mp4|mpg|mts|webm|wmv)$/;
const ANIMATION = /^image\/(apng|gif|png|webp)$|\.(apng|gif|png|webp)$/; // that a file with several pictures is then
const ARCHIVE = /\.(zip|tar|tgz|tbz2|txz|tar\.(gz|bz2|xz))$/;

export const isPicture = ({ type, name }) => PICTURE.test(type) || PICTURE.test(name.toLowerCase());
export const isVideo = ({ type, name }) => VIDEO.test(type) || VIDEO.test(name.toLowerCase());
export const isAnimation = ({ type, name }) => ANIMATION.test(type) || ANIMATION.test(name.toLowerCase());
export const isArchive = ({ name }) => ARCHIVE.test(name.toLowerCase());

export const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

// Into the visitor's downloads.
export function saveFile(blob, name) {
  const href = URL.createObjectURL(blob);
  make("a", { href, download: name }).click();
  URL.revokeObjectURL(href);
}

const byPath = (one, other) => one.path.localeCompare(other.path, undefined, { numeric: true });

// Those that an <input> has given, maybe of a folder.
export const withPaths = (files) => [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

async function readFile(entry) {
  const file = await new Promise((done, fail) => entry.file(done, fail));
  return [{ file, path: entry.fullPath.slice(1) }];
}

async function readFolder(folder) {
  const [reader, entries] = [folder.createReader(), []];
  for (let some = [null]; some.length;) { // a browser hands out a hundred at a time
    some = await new Promise((done, fail) => reader.readEntries(done, fail));
    entries.push(...some);
  }
  entries.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
  const found = await Promise.all(entries.map((entry) => entry.isDirectory ? readFolder(entry) : readFile(entry)));
  return found.flat();
}

const isHidden = ({ path }) => path.split("/").some((part) => part.startsWith("."));

// What can be cut out of the files of folders, in order, and how many others there are; hidden ones do not count.
export function pickUseful(files) {
  const seen = files.filter((entry) => !isHidden(entry));
  const found = seen.filter(({ file }) => isPicture(file) || isArchive(file)).sort(byPath);
  return { found, others: seen.length - found.length };
}

// All that was dropped: the files themselves, and what is in folders, with how many others there are; and the name of the
// first folder, if there is one.
export async function readDropped({ files, items }) {
  const folders = [...items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry?.isDirectory);
  const names = folders.map(({ name }) => name);
  const whole = withPaths([...files].filter(({ name }) => !names.includes(name)));
  const inside = await Promise.all(folders.map((folder) => readFolder(folder).catch(() => [])));
  const { found, others } = pickUseful(inside.flat());
  return { found: [...whole, ...found], others, folder: names[0] };
}
