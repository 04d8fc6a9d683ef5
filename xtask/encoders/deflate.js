// Compresses a file by Node's zlib: `deflate version`, or `deflate gz LEVEL FILE OUT`.

const fs = require("node:fs");
const zlib = require("node:zlib");

const [format, level, file, out] = process.argv.slice(2);
if (format === "version") {
  console.log(`Node ${process.versions.node}, zlib ${process.versions.zlib}`);
} else {
  fs.writeFileSync(out, zlib.gzipSync(fs.readFileSync(file), { level: Number(level) }));
}
