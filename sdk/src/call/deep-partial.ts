/** A message of which every field may be left out, to any depth. Of a oneof that is given, its case must be named. */
export type DeepPartial<T> = T extends Uint8Array | bigint | string | number | boolean | undefined
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? ReadonlyMap<K, DeepPartial<V>>
    : T extends readonly (infer U)[]
      ? readonly DeepPartial<U>[]
      : T extends { readonly $case: infer C; readonly value: infer V }
        ? { readonly $case: C; readonly value?: DeepPartial<V> }
        : T extends object
          ? { [K in keyof T]?: DeepPartial<T[K]> }
          : Partial<T>;
