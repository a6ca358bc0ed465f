// node THIS MP4BOX FILE...: what mp4box.js finds in files, by file: itself, its tracks, and [place, size, sync] of samples.
const { readFileSync } = require("node:fs");
const [library, ...files] = process.argv.slice(2);
const { createFile, Log, MP4BoxBuffer } = require(library);

let said;
Log.setLogLevel(Log.error);
for (const level of ["warn", "error"]) console[level] = (...words) => said.push(words.join(" "));

function trackOf(iso, track) {
  const { edts, mdia } = iso.getTrackById(track.id);
  const entry = mdia.minf.stbl.stsd.entries[0];
  const samples = iso.getTrackSamplesInfo(track.id);
  const shifts = new Set(samples.map(one => one.cts - one.dts));
  return {
    track_id: track.id,
    handler: mdia.hdlr.handler,
    codec: track.codec,
    entry: entry.type,
    original_entry: entry.sinf?.frma.data_format ?? entry.type,
    schemes: entry.sinf ? [entry.sinf.schm.scheme_type] : [],
    language: track.language,
    timescale: track.timescale,
    duration: track.samples_duration,
    presented: samples.length === 0 ? null : [
      samples.reduce((first, one) => Math.min(first, one.cts), Infinity),
      samples.reduce((last, one) => Math.max(last, one.cts + one.duration), -Infinity),
    ],
    edits: (edts?.elst?.entries ?? []).map(one => [one.segment_duration, one.media_time]),
    reordered: shifts.size > 1,
    bytes: track.size,
    ...track.audio,
    ...track.video,
    samples: samples.map(one => [one.offset, one.size, one.is_sync]),
  };
}

const found = {};
for (const file of files) {
  said = [];
  const iso = createFile();
  iso.onError = (module, message) => said.push(`${module}: ${message}`);
  const bytes = new Uint8Array(readFileSync(file)); // a copy: a small file's buffer is a part of a larger one
  let facts;
  try {
    iso.appendBuffer(MP4BoxBuffer.fromArrayBuffer(bytes.buffer, 0));
    iso.flush();
    const info = iso.getInfo();
    facts = !info.hasMoov ? null : {
      brands: info.brands,
      created: info.created,
      modified: info.modified,
      fragmented: info.isFragmented,
      fragments: iso.moofs.length,
      duration: [info.duration, info.timescale],
      tracks: info.tracks.map(track => trackOf(iso, track)),
    };
  } catch (error) {
    said.push(String(error));
    facts = null;
  }
  found[file] = { said, facts };
}
process.stdout.write(JSON.stringify(found));
