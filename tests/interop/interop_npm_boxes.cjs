// node THIS MP4BOX FILE: the tree of boxes as [type, start, size, children], and the samples of each track, as
// mp4box.js reads the file.
const { readFileSync } = require("node:fs");
const [library, file] = process.argv.slice(2);
const { createFile, Log, MP4BoxBuffer } = require(library);

const said = [];
const iso = createFile();
iso.onError = (module, message) => said.push(`${module}: ${message}`);
Log.setLogLevel(Log.warn);
for (const level of ["warn", "error"]) console[level] = (...words) => said.push(words.join(" "));
const bytes = new Uint8Array(readFileSync(file));
iso.appendBuffer(MP4BoxBuffer.fromArrayBuffer(bytes.buffer, 0));
iso.flush();

const inner = box => (["stsd", "dref"].includes(box.type) ? box.entries : box.boxes) ?? [];
const tree = boxes => boxes.map(box => [box.type, box.start, box.size, tree(inner(box))]);
const samples = {}, timescales = {};
for (const track of iso.getInfo().tracks) {
  timescales[track.id] = track.timescale;
  samples[track.id] = iso.getTrackSamplesInfo(track.id)
    .map(one => [one.offset, one.size, one.dts, one.cts, one.duration, one.is_sync]);
}
console.log(JSON.stringify({ said, boxes: tree(iso.boxes), samples, timescales }));
