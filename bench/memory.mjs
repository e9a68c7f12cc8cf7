function used() {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, rss };
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Bytes of memory for one idle connection. */
export async function measureIdle(connect, { connections }) {
  const warm = await connect();
  await pause(200);
  const before = used();
  const open = [];
  while (open.length < connections) open.push(...(await Promise.all(Array.from({ length: 10 }, connect))));
  await pause(500);
  const after = used();
  await Promise.allSettled([warm, ...open].map((client) => client.close()));
  return { heap: (after.heap - before.heap) / connections, rss: (after.rss - before.rss) / connections };
}

/** Bytes of memory for one outstanding request, if all are made in the same tick. */
export async function measureInFlight(call, { requests }) {
  await Promise.allSettled(Array.from({ length: requests }, call));
  await pause(200);
  const before = used();
  const pending = new Array(requests);
  for (let index = 0; index < requests; index += 1) pending[index] = call();
  const after = used();
  await Promise.allSettled(pending);
  return { heap: (after.heap - before.heap) / requests, rss: (after.rss - before.rss) / requests };
}
