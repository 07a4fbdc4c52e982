/** The worked examples of RFC 7541 appendix C. */
import assert from "node:assert/strict";
import { HpackDecoder } from "../../../../../sdk/src/transport/http2/hpack/hpack-decoder.ts";
import { HpackEncoder } from "../../../../../sdk/src/transport/http2/hpack/hpack-encoder.ts";
import { hex } from "./blocks.ts";

type Example = readonly [block: string, ...fields: (readonly [name: string, value: string])[]];

const LIMITS = { maxListBytes: 4096, maxFields: 32 };

const FIRST_REQUEST = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
] as const;
const SECOND_REQUEST = [...FIRST_REQUEST, ["cache-control", "no-cache"]] as const;
const THIRD_REQUEST = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
] as const;
const FIRST_RESPONSE = [
  [":status", "302"],
  ["cache-control", "private"],
  ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
  ["location", "https://www.example.com"],
] as const;
const SECOND_RESPONSE = [[":status", "307"], ...FIRST_RESPONSE.slice(1)] as const;
const THIRD_RESPONSE = [
  [":status", "200"],
  ["cache-control", "private"],
  ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
  ["location", "https://www.example.com"],
  ["content-encoding", "gzip"],
  ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
] as const;

describe("the examples of RFC 7541 appendix C", () => {
  const examples: readonly [title: string, maxTableBytes: number, ...Example[]][] = [
    [
      "C.2.1: a literal with indexing",
      4096,
      ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", ["custom-key", "custom-header"]],
      ["be", ["custom-key", "custom-header"]],
    ],
    ["C.2.2: a literal without indexing", 4096, ["040c 2f73 616d 706c 652f 7061 7468", [":path", "/sample/path"]]],
    [
      "C.2.3: a literal that is never indexed",
      4096,
      ["1008 7061 7373 776f 7264 0673 6563 7265 74", ["password", "secret"]],
    ],
    ["C.2.4: an indexed field", 4096, ["82", [":method", "GET"]]],
    [
      "C.3: requests without Huffman coding",
      4096,
      ["8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", ...FIRST_REQUEST],
      ["8286 84be 5808 6e6f 2d63 6163 6865", ...SECOND_REQUEST],
      ["8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", ...THIRD_REQUEST],
    ],
    [
      "C.4: requests with Huffman coding",
      4096,
      ["8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", ...FIRST_REQUEST],
      ["8286 84be 5886 a8eb 1064 9cbf", ...SECOND_REQUEST],
      ["8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", ...THIRD_REQUEST],
    ],
    [
      "C.5: responses without Huffman coding, with eviction",
      256,
      [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d" +
          "546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        ...FIRST_RESPONSE,
      ],
      ["4803 3330 37c1 c0bf", ...SECOND_RESPONSE],
      [
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f" +
          "6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b" +
          "2076 6572 7369 6f6e 3d31",
        ...THIRD_RESPONSE,
      ],
    ],
    [
      "C.6: responses with Huffman coding, with eviction",
      256,
      [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7" +
          "8f0b 97c8 e9ae 82ae 43d3",
        ...FIRST_RESPONSE,
      ],
      ["4883 640e ffc1 c0bf", ...SECOND_RESPONSE],
      [
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335" +
          "dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        ...THIRD_RESPONSE,
      ],
    ],
  ];

  for (const [title, maxTableBytes, ...blocks] of examples) {
    it(`${title} is decoded`, () => {
      const decoder = new HpackDecoder(maxTableBytes, LIMITS);
      for (const [block, ...fields] of blocks) {
        const bytes = hex(block);
        assert.deepEqual(decoder.decode(bytes, 0, bytes.length), fields.flat());
        assert.equal(decoder.malformed, "");
        assert.equal(decoder.overflowed, false);
      }
    });
  }

  it("C.1: integers that do not fit their prefix are read", () => {
    // 1337 after a prefix of 5 bits, as table size; and as the length of a value.
    const decoder = new HpackDecoder(4096, LIMITS);
    const update = hex("3f9a0a");
    assert.deepEqual(decoder.decode(update, 0, update.length), []);
    const value = Buffer.concat([hex("04 7fba09"), Buffer.alloc(1337, "v")]);
    assert.deepEqual(decoder.decode(value, 0, value.length), [":path", "v".repeat(1337)]);
  });

  for (const [huffman, first, second, third] of [
    [false, ...blocksOf("C.3: requests without Huffman coding")],
    [true, ...blocksOf("C.4: requests with Huffman coding")],
  ] as const) {
    it(`${huffman ? "C.4" : "C.3"}: requests are encoded`, () => {
      const encoder = new HpackEncoder({ huffman });
      const encode = (fields: readonly (readonly [string, string])[]): string => {
        const out = Buffer.alloc(256);
        let at = encoder.begin(out, 0);
        for (const [name, value] of fields) at = encoder.recurring(out, at, name, value);
        return out.toString("hex", 0, at);
      };
      assert.equal(encode(FIRST_REQUEST), first);
      assert.equal(encode(SECOND_REQUEST), second);
      assert.equal(encode(THIRD_REQUEST), third);
    });
  }

  function blocksOf(title: string): [string, string, string] {
    const found = examples.find((example) => example[0] === title);
    const [first, second, third] = (found?.slice(2) ?? []) as Example[];
    return [first, second, third].map((example) => hex(example?.[0] ?? "").toString("hex")) as [string, string, string];
  }
});
