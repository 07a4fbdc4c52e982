/**
 * Completes package-lock.json for the platforms that this machine is not: npm leaves out optional packages that the
 * registry at hand does not have, and `npm ci` then refuses the file everywhere. What is added has the version that its
 * parent asks for and the os, cpu and libc that its name tells; it has no checksum, since nobody here could compute one.
 * Run by `npm run lock`, which is how dependencies are locked here.
 */
import { readFileSync, writeFileSync } from "node:fs";

const FILE = "package-lock.json";
/** Names that packages use beside Node's own. */
const CPUS = { aarch64: "arm64", armv7: "arm" };

const lock = JSON.parse(readFileSync(FILE, "utf8"));
const { packages } = lock;
let added = 0;
for (const parent of Object.values(packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (packages[path] !== undefined) continue;
    packages[path] = entry(name, version, parent);
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${FILE}: ${added} packages of other platforms added`);

/** "@oxlint/binding-linux-x64-musl" runs on Linux, x64, with musl. */
function entry(name, version, parent) {
  const [, os, cpu, abi] = /\/(?:binding-|buf-)?([a-z0-9]+)-([a-z0-9]+)(?:-([a-z0-9]+))?$/.exec(name) ?? [];
  if (os === undefined || !/^\d/.test(version)) {
    throw new Error(
      `${name}@${version} is missing from ${FILE}, and its name does not tell its platform: add it by hand`,
    );
  }
  const libc = os === "linux" && abi !== undefined ? { libc: [abi.startsWith("musl") ? "musl" : "glibc"] } : {};
  return {
    version,
    cpu: [CPUS[cpu] ?? cpu],
    ...(parent.dev === true ? { dev: true } : {}),
    ...libc,
    license: parent.license,
    optional: true,
    os: [os],
    ...(parent.engines === undefined ? {} : { engines: parent.engines }),
  };
}
