// node THIS MEDIABUNNY FILE KEYS: the MD5 of each packet by track, as mediabunny reads and decrypts the file.
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");
const [library, file, keys] = process.argv.slice(2);
const { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } = require(library);

async function md5s() {
  const known = JSON.parse(keys);
  const input = new Input({
    source: new BufferSource(readFileSync(file)),
    formats: ALL_FORMATS,
    formatOptions: { isobmff: { resolveKeyId: ({ keyId }) => known[keyId] } },
  });
  const found = {};
  for (const track of await input.getTracks()) {
    found[track.id] = [];
    for await (const packet of new EncodedPacketSink(track).packets()) {
      found[track.id].push(createHash("md5").update(packet.data).digest("hex"));
    }
  }
  return found;
}

md5s().then(found => console.log(JSON.stringify(found)), error => {
  console.error(String(error));
  process.exit(1);
});
