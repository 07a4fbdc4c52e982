/** Numbers of 32 bits, which Consul's weights are: arithmetic rounds to them, and JSON shows the shortest that reads back. */

/** No float of 32 bits needs more decimal digits than this. */
const enoughDigits = 9;

/** The shortest decimal that reads back as the same 32 bits: 33.33, not 33.33000183105469. */
export function shortestFloat32(value: number): number {
  for (let digits = 1; digits < enoughDigits; digits++) {
    const shown = Number(value.toPrecision(digits));
    if (Math.fround(shown) === value) return shown;
  }
  return Number(value.toPrecision(enoughDigits));
}
