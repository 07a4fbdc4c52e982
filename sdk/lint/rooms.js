/**
 * Lint rule: the rooms of sdk/src import only from rooms before them in this list, so a decision never comes to
 * depend on the I/O around it. A file directly in sdk/src (the composition root) may import every room.
 */
const ROOMS = [
  "gen",
  "call",
  "contract",
  "balancing",
  "resilience",
  "routing",
  "transport",
  "discovery",
  "consul",
  "security",
  "coordination",
  "telemetry",
  "client",
  "server",
  "mesh",
  "testing",
];

const SOURCE_ROOT = "/sdk/src/";

/** The room of an absolute path, or undefined outside sdk/src and for files directly in it. */
function roomOf(path) {
  const at = path.lastIndexOf(SOURCE_ROOT);
  if (at < 0) return undefined;
  const [room, rest] = path.slice(at + SOURCE_ROOT.length).split("/");
  return rest === undefined ? "mesh" : room;
}

const rooms = {
  meta: { type: "problem", docs: { description: "rooms of sdk/src import only inwards" }, schema: [] },
  create(context) {
    const file = context.filename.replaceAll("\\", "/");
    const from = roomOf(file);
    if (from === undefined) return {};
    const check = (node) => {
      if (node.source?.value === undefined || !node.source.value.startsWith(".")) return;
      const to = roomOf(new URL(node.source.value, `file://${file}`).pathname);
      if (!ROOMS.includes(from)) {
        context.report({ node, message: `room "${from}" is not in the list of sdk/lint/rooms.js: give it its place` });
      } else if (to === undefined || !ROOMS.includes(to)) {
        context.report({ node, message: `${node.source.value} is not in a room of sdk/src` });
      } else if (from !== to && ROOMS.indexOf(to) > ROOMS.indexOf(from)) {
        context.report({ node, message: `room "${from}" may not import from "${to}": rooms import only inwards` });
      }
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};

export default { meta: { name: "meshwork" }, rules: { rooms } };
