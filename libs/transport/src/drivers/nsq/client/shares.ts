/**
 * Returns how many messages each of `nodes` nsqd may send, if all together may send `maxInFlight`. The remainder goes to some of
 * them, starting at `turn`: with fewer messages than nodes, the turn decides which nsqd are read.
 */
export function shares(maxInFlight: number, nodes: number, turn: number): number[] {
  const each = Math.floor(maxInFlight / Math.max(1, nodes));
  const rest = maxInFlight - each * nodes;
  return Array.from(
    { length: nodes },
    (_, index) => each + ((index - turn + nodes * (turn + 1)) % nodes < rest ? 1 : 0),
  );
}
