/**
 * How many messages each of `nodes` nsqd may have under way, when all together may have `maxInFlight`.
 * What does not divide goes to some of them, beginning at `turn`: with fewer messages than nodes the turn decides who is read.
 */
export function shares(maxInFlight: number, nodes: number, turn: number): number[] {
  const each = Math.floor(maxInFlight / Math.max(1, nodes));
  const rest = maxInFlight - each * nodes;
  return Array.from(
    { length: nodes },
    (_, index) => each + ((index - turn + nodes * (turn + 1)) % nodes < rest ? 1 : 0),
  );
}
