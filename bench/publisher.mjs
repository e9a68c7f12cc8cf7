// Publishes the ordered number of messages as fast as the server accepts them.
import { obey } from './obey.mjs';
import { encode, RawClient } from './raw.mjs';

const BATCH = 500;
const [, place] = process.argv.slice(2);
const { host, port } = JSON.parse(place);
const client = await RawClient.open(host, port);
await obey(async ({ command, channel, size, count }) => {
  const one = encode([command, channel, 'm'.repeat(size)]);
  const batch = Buffer.concat(Array.from({ length: BATCH }, () => one));
  for (let left = count; left > 0; left -= BATCH) {
    const some = Math.min(BATCH, left);
    await client.pipeline(batch.subarray(0, one.length * some), some);
  }
  return { published: count };
});
process.exit(0);
