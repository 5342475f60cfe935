/** The same for every consumer; kafkajs' own defaults, but for the wait, which a backlog never meets. */
export const FETCH = { minBytes: 1, maxBytes: 10_485_760, maxBytesPerPartition: 1_048_576 } as const;
export const FETCH_WAIT_MS = 250;
