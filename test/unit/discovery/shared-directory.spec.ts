import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type { EndpointView } from "../../../sdk/src/discovery/directory.ts";
import { sharedDirectory } from "../../../sdk/src/discovery/shared-directory.ts";
import { plainEndpoint } from "../../../sdk/src/discovery/static-directory.ts";

const live = (...ports: number[]): EndpointView => ({
  endpoints: ports.map((port) => plainEndpoint({ host: "10.0.0.1", port })),
  freshness: "live",
});

/** A source whose every watch the test publishes into. */
function scripted() {
  const sources: { name: string; publish: (view: EndpointView) => void; closed: boolean }[] = [];
  const directory = sharedDirectory((name, publish) => {
    if (name === "bad") throw new MeshError("INVALID_ARGUMENT", "name is bad");
    const source = { name, publish, closed: false };
    sources.push(source);
    return { close: () => void (source.closed = true) };
  });
  return { directory, sources };
}

describe("a shared directory", () => {
  it("watches a name once for all its listeners and tells each of every change", () => {
    const { directory, sources } = scripted();
    const heard: string[] = [];
    directory.watch("greeter", ({ endpoints }) => heard.push(`a${endpoints.length}`));
    directory.watch("greeter", ({ endpoints }) => heard.push(`b${endpoints.length}`));
    directory.watch("other", () => heard.push("other"));
    assert.deepEqual(
      sources.map(({ name }) => name),
      ["greeter", "other"],
    );
    sources[0]!.publish(live(1));
    sources[0]!.publish(live(1, 2));
    assert.deepEqual(heard, ["a1", "b1", "a2", "b2"]);
  });

  it("is silent about a view that says nothing new", () => {
    const { directory, sources } = scripted();
    let views = 0;
    directory.watch("greeter", () => views++);
    sources[0]!.publish(live(1));
    sources[0]!.publish(live(1));
    assert.equal(views, 1);
  });

  it("gives a late listener the view there is, but not before watch() has returned", async () => {
    const { directory, sources } = scripted();
    directory.watch("greeter", () => {});
    sources[0]!.publish(live(1));
    const heard: EndpointView[] = [];
    directory.watch("greeter", (view) => heard.push(view));
    assert.equal(heard.length, 0);
    await Promise.resolve();
    assert.deepEqual(heard, [live(1)]);
  });

  it("gives a late listener only the newest when a change comes first", async () => {
    const { directory, sources } = scripted();
    directory.watch("greeter", () => {});
    sources[0]!.publish(live(1));
    const heard: EndpointView[] = [];
    directory.watch("greeter", (view) => heard.push(view));
    sources[0]!.publish(live(2));
    await Promise.resolve();
    assert.deepEqual(heard, [live(2)]);
  });

  it("ends the source with the last listener and starts a new one for the next", () => {
    const { directory, sources } = scripted();
    const first = directory.watch("greeter", () => {});
    const second = directory.watch("greeter", () => {});
    first.close();
    first.close();
    assert.equal(sources[0]!.closed, false);
    second.close();
    assert.equal(sources[0]!.closed, true);
    directory.watch("greeter", () => {});
    second.close();
    assert.equal(sources.length, 2);
    assert.equal(sources[1]!.closed, false);
  });

  it("does not call a listener that has left, even with what is on its way", async () => {
    const { directory, sources } = scripted();
    directory.watch("greeter", () => {});
    sources[0]!.publish(live(1));
    let views = 0;
    directory.watch("greeter", () => views++).close();
    await Promise.resolve();
    sources[0]!.publish(live(2));
    assert.equal(views, 0);
  });

  it("ends every source on close and refuses to watch from then on", () => {
    const { directory, sources } = scripted();
    let views = 0;
    directory.watch("greeter", () => views++);
    directory.watch("other", () => views++);
    directory.close();
    assert.ok(sources.every(({ closed }) => closed));
    sources[0]!.publish(live(1));
    assert.equal(views, 0);
    assert.throws(
      () => directory.watch("greeter", () => {}),
      (error) => error instanceof MeshError && error.code === "FAILED_PRECONDITION",
    );
  });

  it("lets a wrong name throw, and keeps nothing of it", () => {
    const { directory, sources } = scripted();
    assert.throws(() => directory.watch("bad", () => {}), MeshError);
    assert.throws(() => directory.watch("bad", () => {}), MeshError);
    assert.equal(sources.length, 0);
  });

  it("tells the other listeners although one throws, and lets the process hear of it", async () => {
    const { directory, sources } = scripted();
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    const uncaught = new Promise((resolve) => process.once("uncaughtException", resolve));
    try {
      let views = 0;
      const bug = new Error("bug of a listener");
      directory.watch("greeter", () => {
        throw bug;
      });
      directory.watch("greeter", () => views++);
      sources[0]!.publish(live(1));
      assert.equal(views, 1);
      assert.equal(await uncaught, bug);
    } finally {
      for (const listener of before) process.on("uncaughtException", listener);
    }
  });
});
