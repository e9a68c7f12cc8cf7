// Measures the time from import to first reply, in a fresh process.
const started = performance.now();
const [id, place] = process.argv.slice(2);
const { connectTo } = await import('./clients/index.mjs');
const client = await connectTo(id, JSON.parse(place));
await client.get('k16');
console.log(JSON.stringify({ ms: performance.now() - started, sinceStart: performance.now() }));
process.exit(0);
