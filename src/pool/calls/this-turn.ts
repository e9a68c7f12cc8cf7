let turn = 0;
let isNewTurn = true;
function turnOver(): void {
  isNewTurn = true;
}
/** Monotonic ms, in whole ones, read once for all calls of a turn. */
export function thisTurn(): number {
  if (isNewTurn) {
    isNewTurn = false;
    turn = Math.ceil(performance.now());
    process.nextTick(turnOver);
  }
  return turn;
}
