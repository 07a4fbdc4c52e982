/** Consul answers some questions from a cache of its agent's, and says so; here every answer is read anew. */
export const uncached = { "X-Cache": "MISS" } as const;
