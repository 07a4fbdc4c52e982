/** A short soak with frames that are nearly right; `npm run soak` has as many as are asked for. */
import { soak } from "../soak/mutated-frames.ts";

const FRAMES = 100_000;
const TIMEOUT_MS = 60_000;

describe("a native server that is sent mutated frames", () => {
  it("answers others all the while, and keeps nothing", async function () {
    this.timeout(TIMEOUT_MS);
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.log(`      seed ${seed}`);
    const { frames, connections, answered, seconds } = await soak({ frames: FRAMES, seed, connections: 8 });
    console.log(
      `      ${frames} frames on ${connections} connections, ${answered} calls answered, ${seconds.toFixed(1)} s`,
    );
  });
});
