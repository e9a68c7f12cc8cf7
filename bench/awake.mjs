// Runs an empty loop until its standard input ends. At the lowest priority it keeps a core from halting.
const SLICE = 20;
function turn() {
  const until = performance.now() + SLICE;
  while (performance.now() < until);
  setImmediate(turn);
}
process.stdin.resume().on('end', () => process.exit(0));
turn();
