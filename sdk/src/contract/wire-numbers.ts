/**
 * Which values protobuf's number types take, by the rules of @bufbuild/protobuf: out of range throws, and a decimal
 * string counts as its number.
 */

const MAX_UINT32 = 0xffff_ffff;
const MAX_INT32 = 0x7fff_ffff;
const MIN_INT32 = -0x8000_0000;
const MAX_INT64 = 0x7fff_ffff_ffff_ffffn;
const MIN_INT64 = -0x8000_0000_0000_0000n;
const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;
const TWO_TO_32 = 0x1_0000_0000;
/** As many digits are a safe integer for sure. */
const SAFE_DIGITS = 15;

export function checkedUint32(value: unknown): number {
  return checkedInteger(value, "uint32", 0, MAX_UINT32);
}

export function checkedInt32(value: unknown): number {
  return checkedInteger(value, "int32", MIN_INT32, MAX_INT32);
}

function checkedInteger(value: unknown, type: string, min: number, max: number): number {
  if (typeof value !== "number" && typeof value !== "string") throw new Error(`invalid ${type}: ${typeof value}`);
  const number = Number(value);
  if (!Number.isInteger(number) || number > max || number < min) throw new Error(`invalid ${type}: ${number}`);
  return number;
}

export function checkedFloat(value: unknown): number {
  if (typeof value !== "number" && typeof value !== "string") throw new Error(`invalid float32: ${typeof value}`);
  const number = Number(value);
  if (Number.isNaN(number) && typeof value === "string" && value !== "NaN")
    throw new Error(`invalid float32: ${value}`);
  if (Number.isFinite(number) && !Number.isFinite(Math.fround(number))) throw new Error(`invalid float32: ${number}`);
  return number;
}

/** A 64-bit integer as two words of 32 bits: made once and filled for each value, so that none costs an object. */
export class Int64Words {
  low = 0;
  high = 0;
  readonly #scratch = new DataView(new ArrayBuffer(8));

  /** Throws when the value is no int64. */
  signed(value: string | number | bigint): void {
    const number = safeInteger(value);
    if (!Number.isNaN(number)) {
      this.#split(number);
      return;
    }
    const big = typeof value === "bigint" ? value : BigInt(value);
    if (big > MAX_INT64 || big < MIN_INT64) throw new Error(`invalid int64: ${value}`);
    this.#splitBig(big);
  }

  /** Throws when the value is no uint64. */
  unsigned(value: string | number | bigint): void {
    const number = safeInteger(value);
    if (number >= 0) {
      this.#split(number);
      return;
    }
    const big = typeof value === "bigint" ? value : BigInt(value);
    if (big > MAX_UINT64 || big < 0n) throw new Error(`invalid uint64: ${value}`);
    this.#splitBig(big);
  }

  #split(value: number): void {
    this.low = value | 0;
    this.high = Math.floor(value / TWO_TO_32) | 0;
  }

  #splitBig(value: bigint): void {
    this.#scratch.setBigInt64(0, value, true);
    this.low = this.#scratch.getInt32(0, true);
    this.high = this.#scratch.getInt32(4, true);
  }
}

/** The value as a number where that is exact and quicker than a bigint; else NaN. */
function safeInteger(value: string | number | bigint): number {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : Number.NaN;
  if (typeof value !== "string") return Number.NaN;
  const { length } = value;
  if (length === 0 || length > SAFE_DIGITS) return Number.NaN;
  let number = 0;
  for (let at = 0; at < length; at++) {
    const digit = value.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    number = number * 10 + digit;
  }
  return number;
}
