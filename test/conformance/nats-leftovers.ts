import { setTimeout as pause } from 'node:timers/promises';

/** A server sees the end of a connection a moment after the client has made it. */
const PATIENCE_MS = 2_000;

/** What the server still holds open although every application is closed; asked over its own monitoring. */
export async function lingeringConnections(monitorUrl: string): Promise<string[]> {
  for (const deadline = performance.now() + PATIENCE_MS; ; await pause(20)) {
    const { connections } = (await read(`${monitorUrl}/connz?subs=1`)) as Connections;
    if (connections.length > 0 && performance.now() < deadline) continue;
    // n.b. Array.from: an array of fetch's own realm is no equal of one of Jest's.
    return Array.from(
      connections,
      ({ name, subscriptions }) => `connection "${name ?? ''}" is open, with ${subscriptions} subscriptions`,
    );
  }
}

interface Connections {
  readonly connections: readonly { readonly name?: string; readonly subscriptions: number }[];
}

async function read(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}
