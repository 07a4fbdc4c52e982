import assert from "node:assert/strict";
import { DEFAULT_MEASURE_RATE, parseOptions, UsageError } from "../../../services/demo/src/options.ts";

describe("the demo's options", () => {
  it("show a hundred calls per second and a kill after five seconds when nothing is said", () => {
    assert.deepEqual(parseOptions([]), { kind: "show", rate: 100, seconds: undefined, killAfterSeconds: 5 });
  });

  it("take values after a space and after an equals sign", () => {
    const expected = { kind: "show", rate: 250, seconds: 1.5, killAfterSeconds: 2 };
    assert.deepEqual(parseOptions(["--rate", "250", "--seconds=1.5", "--kill-after", "2"]), expected);
  });

  it("kill nobody with --no-kill", () => {
    assert.deepEqual(parseOptions(["--no-kill", "--seconds", "3"]), {
      kind: "show",
      rate: 100,
      seconds: 3,
      killAfterSeconds: undefined,
    });
  });

  it("make a number of calls, faster unless told how fast", () => {
    const calls = { kind: "measure", calls: 300 };
    assert.deepEqual(parseOptions(["--calls", "300", "--json"]), { ...calls, rate: DEFAULT_MEASURE_RATE, json: true });
    assert.deepEqual(parseOptions(["--calls", "300", "--rate", "50"]), { ...calls, rate: 50, json: false });
  });

  it("are explained by --help, whatever stands beside it", () => {
    assert.deepEqual(parseOptions(["--calls", "x", "--help"]), { kind: "help" });
  });

  for (const [args, message] of [
    [["--fast"], '"--fast" is not an option: see --help for those there are'],
    [["300"], '"300" is not an option: see --help for those there are'],
    [["-h"], '"-h" is not an option: see --help for those there are'],
    [["--constructor", "1"], '"--constructor" is not an option'],
    [["--rate", "NaN"], '--rate is "NaN": give calls per second, 1 to 5000'],
    [["--rate", "0"], '--rate is "0": give calls per second, 1 to 5000'],
    [["--rate="], '--rate is "": give calls per second'],
    [["--seconds", "Infinity"], '--seconds is "Infinity": give seconds, 0.1 to 86400'],
    [["--calls", "1.5"], '--calls is "1.5": give a whole number of calls, 1 to 1000000'],
    [["--calls", "-3"], '--calls is "-3"'],
    [["--calls", "--json"], "--calls has no value"],
    [["--seconds"], "--seconds has no value"],
    [["--rate", "1", "--rate", "2"], "--rate is given twice"],
    [["--json"], "--json needs --calls"],
    [["--json=yes", "--calls", "1"], '--json takes no value: leave "yes" out'],
    [["--calls", "5", "--seconds", "3"], "--calls and --seconds exclude each other"],
    [["--calls", "5", "--kill-after", "3"], "--calls and --kill-after exclude each other"],
    [["--no-kill", "--kill-after", "3"], "--no-kill and --kill-after exclude each other"],
  ] as const) {
    it(`refuse ${args.join(" ")}`, () => {
      assert.throws(
        () => parseOptions(args),
        (error) => error instanceof UsageError && error.message.split("\n").some((line) => line.startsWith(message)),
      );
    });
  }

  it("name every fault at once", () => {
    assert.throws(() => parseOptions(["--rate", "x", "--what", "--seconds", "0"]), {
      message: /^--rate .*\n"--what" .*\n--seconds .*$/,
    });
  });
});
