import assert from "node:assert/strict";

import { healthFields } from "../../../../agent/src/filter/fields.ts";
import { compileFilter, FilterFault } from "../../../../agent/src/filter/filter.ts";
import { parseExpression } from "../../../../agent/src/filter/grammar.ts";

const record = {
  Node: { ID: "", Node: "laptop", Address: "127.0.0.1", Datacenter: "dc1", TaggedAddresses: {}, Meta: null },
  Service: {
    ID: "web-1",
    Service: "web",
    Tags: ["v1", "blue"],
    Meta: { zone: "a", "two words": "b", constructor: "c" },
    TaggedAddresses: { lan: { Address: "10.0.0.1", Port: 80 } },
    Port: 8080,
    Weights: { Passing: 5, Warning: 1 },
    EnableTagOverride: true,
    Proxy: {},
    Connect: {},
  },
  Checks: [
    { CheckID: "serfHealth", Status: "passing", ServiceTags: [] },
    { CheckID: "c2", Status: "warning", ServiceTags: ["v1"], Output: "line one\nline two" },
  ],
};

function holds(written: string, of: unknown = record): boolean {
  return compileFilter(parseExpression(written), healthFields)(of);
}

function fault(written: string): string {
  try {
    compileFilter(parseExpression(written), healthFields);
  } catch (error) {
    if (error instanceof FilterFault) return error.message;
    throw error;
  }
  return "fits";
}

function allHold(expressions: readonly string[]): void {
  for (const written of expressions) {
    assert.ok(holds(written), written);
    assert.ok(!holds(`not (${written})`), `not (${written})`);
  }
}

describe("a filter", () => {
  it("compares text, numbers and truth by the field's type", () => {
    allHold(['Service.ID == "web-1"', 'Service.Port == "0x1F90"', 'Service.Port == "8_080"', "Service.Port != 80"]);
    allHold(["Service.EnableTagOverride == t", "Service.EnableTagOverride != FALSE", "Service.Weights.Passing == 5"]);
  });

  it("looks into text, lists and the keys of maps", () => {
    allHold(["eb in Service.ID", "Service.Tags contains blue", "red not in Service.Tags", "zone in Service.Meta"]);
    allHold(["Service.TaggedAddresses contains lan", "toString not in Service.Meta", "Service.Tags not contains lue"]);
  });

  it("looks behind the keys of maps", () => {
    allHold(["Service.Meta.zone == a", 'Service.Meta["two words"] == b', "Service.Meta.constructor == c"]);
    allHold(["Service.TaggedAddresses.lan.Port == 80", 'Service.TaggedAddresses["lan"].Address matches "^10"']);
  });

  it("finds nothing behind a key that is missing, whatever else is asked of it", () => {
    for (const absent of ["Service.Meta.nope", "Node.Meta.toString", "Service.TaggedAddresses.wan.Address"]) {
      allHold([`${absent} != a`, `a not in ${absent}`, `${absent} matches a`, `${absent} not matches a`]);
      for (const written of [`${absent} == a`, `a in ${absent}`]) assert.ok(!holds(written), written);
    }
  });

  it("is content with one item of a list", () => {
    allHold(["Checks.Status == warning", "Checks.Status != warning", "Checks.ServiceTags contains v1"]);
    assert.ok(!holds("Checks.Status == critical"));
    assert.ok(!holds("Checks.Status != critical", { ...record, Checks: [] }));
  });

  it("takes what is absent for nothing", () => {
    allHold(["Node.Meta is empty", 'Service.Kind == ""', "Service.Connect.Native == false", "Checks is not empty"]);
    allHold(["Service.Proxy.Upstreams is empty", "Service.Proxy.LocalServicePort == 0"]);
  });

  it("reads expressions as RE2 does, anywhere in the text", () => {
    allHold(['Checks.Output matches "one\\nline"', 'Service.ID matches "(?i)WEB"', 'Service.ID matches "\\\\d$"']);
    assert.ok(!holds('Checks.Output matches "one.line"'));
  });

  it("is not slowed down by an expression that would make a backtracking engine try everything", () => {
    const long = { ...record, Service: { ...record.Service, ID: "a".repeat(5_000) } };
    assert.ok(!holds('Service.ID matches "^(a|a)*b$"', long));
  });

  it("joins what it says", () => {
    allHold(["Service.Port == 8080 and v1 in Service.Tags", "Service.Port == 1 or v1 in Service.Tags"]);
    assert.ok(!holds("Service.Port == 1 and v1 in Service.Tags"));
    assert.ok(!holds("Service.Port == 1 or v2 in Service.Tags"));
  });

  it("is refused for what the records do not have", () => {
    assert.equal(fault("Service.Nope == 1"), 'Selector "Service.Nope" is not valid');
    assert.equal(fault("Service.Tags.x == 1"), 'Selector "Service.Tags.x" is not valid');
    assert.equal(fault("constructor == 1"), 'Selector "constructor" is not valid');
    assert.equal(fault("Service == 1"), 'Invalid match operator "Equal" for selector "Service"');
    assert.equal(fault("Service.Port matches 1"), 'Invalid match operator "Matches" for selector "Service.Port"');
    assert.equal(fault("Checks contains 1"), 'Invalid match operator "In" for selector "Checks"');
    assert.equal(
      fault("Service.Port == x"),
      'Failed to coerce value "x" for selector "Service.Port": strconv.ParseInt: parsing "x": invalid syntax',
    );
    assert.equal(
      fault('Service.Port == "9223372036854775808"'),
      'Failed to coerce value "9223372036854775808" for selector "Service.Port": ' +
        'strconv.ParseInt: parsing "9223372036854775808": value out of range',
    );
    assert.equal(
      fault("Service.EnableTagOverride == yes"),
      'Failed to coerce value "yes" for selector "Service.EnableTagOverride": ' +
        'strconv.ParseBool: parsing "yes": invalid syntax',
    );
    assert.equal(
      fault('Service.ID matches "["'),
      'Failed to compile regular expression "[": error parsing regexp: missing closing ]: `[`',
    );
  });
});
