// Bytes count as bytes wherever they were made: in another realm, or by a subclass with another name.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { blockingTime } from '../../../src/commands/blocking.ts';
import { resolveCommand } from '../../../src/commands/command-info.ts';
import { ConnectionPool, LRUCache } from '../../../src/index.ts';
import { CommandKeys } from '../../../src/topology/cluster/command-keys.ts';
import { open, realServer, take } from '../connection/support.ts';
import { cachedPool } from '../cache/support.ts';

const ofRealm = runInNewContext('(text) => Uint8Array.from(text, (char) => char.charCodeAt(0))') as (
  text: string,
) => Uint8Array;

class Liar extends Uint8Array {
  override get length(): number {
    return 1;
  }
  override get byteLength(): number {
    return 1;
  }
  override subarray(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(0);
  }
}
const lying = (text: string): Uint8Array => {
  const liar = new Liar(text.length);
  Uint8Array.prototype.set.call(liar, Buffer.from(text));
  return liar;
};

const server = await realServer();

for (const [title, bytes] of [
  ['another realm', ofRealm],
  ['a lying subclass', lying],
] as const) {
  describe(`bytes of ${title}`, () => {
    test('bytes of another realm are taken for a command, a subcommand and a keyword', async () => {
      const connection = await open(server, { decodeResponses: true });
      assert.equal(await connection.execute(bytes('PING')), 'PONG');
      assert.equal(await connection.execute('CLIENT', bytes('SETNAME'), bytes('me')), 'OK');
      assert.deepEqual([connection.clientName, connection.reusable], ['me', false]);
      assert.throws(() => connection.createRequest('CLIENT', [bytes('REPLY'), bytes('OFF')]), TypeError);
      await using pool = new ConnectionPool({ location: server.location });
      await assert.rejects(pool.execute('CLIENT', bytes('REPLY'), 'OFF'), TypeError);
      await assert.rejects(pool.execute(bytes('MULTI')), TypeError);
      const read = [bytes('BLOCK'), bytes('5000'), 'STREAMS', 's', '$'];
      assert.equal(blockingTime(resolveCommand('XREAD', read), read), 5000);
    });

    test('bytes of another realm are taken for the name of a channel', async () => {
      const connection = await open(server, { decodeResponses: true });
      connection.sendCommand('SUBSCRIBE', [bytes('news')]);
      assert.equal(await connection.execute('PING'), 'PONG');
      assert.deepEqual(await take(connection.pushMessages, 1), [['subscribe', 'news', 1]]);
      connection.sendCommand('UNSUBSCRIBE', [bytes('news')]);
      assert.equal(await connection.execute('PING'), 'PONG');
      assert.equal(connection.reusable, false, 'unread');
      await take(connection.pushMessages, 1);
      assert.equal(connection.reusable, true);
      await using pool = new ConnectionPool({ location: server.location });
      assert.equal((await pool.executePubsub(bytes('SUBSCRIBE') as never, 'c')).length, 1);
    });

    test('own writes invalidate a cached key of bytes from another realm', async () => {
      const cache = new LRUCache();
      await using pool = cachedPool(server, { cache });
      await pool.execute('SET', 'mine', 'old');
      for (const value of ['a', 'b', 'c']) {
        await pool.execute('GET', 'mine');
        assert.equal(cache.size, 1);
        await pool.execute('SET', bytes('mine'), value);
        assert.equal(await pool.execute('GET', 'mine'), value);
        assert.equal(await pool.execute('GET', bytes('mine')), value);
      }
    });
  });
}

test('a key of bytes from another realm hashes to its slot', () => {
  const keys = new CommandKeys('utf8');
  const slot = keys.slotOf(resolveCommand('GET', ['k']), ['k']);
  assert.equal(keys.slotOf(resolveCommand('GET', []), [ofRealm('k')]), slot);
  assert.equal(keys.slotOf(resolveCommand('DEL', []), [ofRealm('k'), 'k']), slot);
  const twice = [ofRealm('{k}a'), ofRealm('{k}b')];
  assert.equal(keys.slotOf(resolveCommand('DEL', twice), twice), slot);
});

test('no source file asks for the class of bytes', () => {
  const root = join(projectRoot(dirname(fileURLToPath(import.meta.url))), 'src');
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  assert.ok(sources.length > 100);
  const asking = sources.filter((path) =>
    readFileSync(join(root, path), 'utf8').includes('instanceof Uint8Array'),
  );
  assert.deepEqual(asking, [], 'isUint8Array() of node:util/types also knows those of other realms');
});

function projectRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : projectRoot(dirname(folder));
}
