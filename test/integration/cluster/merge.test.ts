import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type ClusterConnectionPool,
  ReplyMap,
  ResponseError,
  UnknownCommandError,
} from '../../../src/index.ts';
import { reply, type TestCluster } from '../../../src/testkit/index.ts';
import { closeAll, poolOf, scriptedCluster, startNodesOf, useCluster } from './support.ts';

const MERGE = { merge: true } as const;

describe('option merge of executeOn: one answer, merged by the tips of the command', () => {
  let cluster: TestCluster;
  let pool: ClusterConnectionPool<true>;
  useCluster({ primaries: 3, replicasPerPrimary: 1 }, (...started) => {
    [cluster, pool] = started;
  });

  it('numbers are summed and lists are joined', async () => {
    const names = Array.from({ length: 90 }, (_, index) => `key:${index}`);
    await Promise.all(names.map((name) => pool.execute('SET', name, 'v')));
    const size: number = await pool.executeOn('primaries', 'DBSIZE', [], MERGE);
    assert.equal(size, 90);
    const keys: string[] = await pool.executeOn('primaries', 'keys', ['*'], MERGE);
    assert.deepEqual(new Set(keys), new Set(names));
    // On a busy machine some commands were slow.
    await pool.executeOn('all', 'CONFIG', ['SET', 'slowlog-log-slower-than', '-1']);
    await pool.executeOn('all', 'SLOWLOG', ['RESET']);
    assert.equal(await pool.executeOn('all', 'SLOWLOG', ['LEN'], MERGE), 0);
    const bytes = await pool.executeOn('primaries', 'KEYS', ['key:1'], { ...MERGE, decode: false });
    assert.deepEqual(bytes, [Buffer.from('key:1')]);
  });

  it('commands for all nodes give the answer of one of them', async () => {
    assert.equal(await pool.executeOn('all', 'PING', [], MERGE), 'PONG');
    assert.equal(await pool.executeOn('all', 'CONFIG', ['SET', 'slowlog-max-len', '77'], MERGE), 'OK');
    const set = await pool.executeOn('all', 'CONFIG GET', ['slowlog-max-len']);
    assert.equal(set.size, 6);
    for (const one of set.values())
      assert.ok(one instanceof ReplyMap && one.get('slowlog-max-len') === '77', String(one));
    const library = "#!lua name=l\nredis.register_function('f', function() return 1 end)";
    assert.equal(await pool.executeOn('primaries', 'FUNCTION', ['LOAD', library], MERGE), 'l');
    await assert.rejects(pool.executeOn('primaries', 'FUNCTION LOAD', [library], MERGE), ResponseError);
    await assert.rejects(
      pool.executeOn('primaries', 'CONFIG', ['SET', 'nonsense', '1'], MERGE),
      ResponseError,
    );
  });

  it('SCRIPT EXISTS is true where every node has the script', async () => {
    const sha = await pool.executeOn('primaries', 'SCRIPT', ['LOAD', 'return 1'], MERGE);
    const [first] = pool.clusterLayout.primaries;
    const alone = await pool.executeOn(first!, 'SCRIPT LOAD', ['return 2'], MERGE);
    assert.deepEqual(await pool.executeOn('primaries', 'SCRIPT EXISTS', [sha, alone], MERGE), [1, 0]);
    assert.deepEqual(await pool.executeOn(first!, 'SCRIPT EXISTS', [sha, alone], MERGE), [1, 1]);
  });

  it('SCRIPT KILL needs one success', async () => {
    await pool.executeOn('primaries', 'CONFIG SET', ['busy-reply-threshold', '1'], MERGE);
    await using other = poolOf(cluster);
    const busy = other.execute('EVAL', 'while true do end', 1, 'key').catch((error: unknown) => error);
    for (;;) {
      const killed = pool.executeOn('primaries', 'SCRIPT KILL', [], MERGE);
      const told = await killed.catch((error: unknown) => String(error));
      if (told === 'OK') break;
      assert.match(told, /NOTBUSY/);
    }
    assert.match(String(await busy), /killed by user/);
  });

  it('replies without a policy are merged into one map, or else stand in a list', async () => {
    const all = await pool.executeOn('primaries', 'CONFIG GET', ['maxmemory'], MERGE);
    assert.deepEqual([...all], [['maxmemory', '0']]);
    const ids: string[] = await pool.executeOn('all', 'CLUSTER MYID', [], MERGE);
    assert.deepEqual(new Set(ids).size, 6);
    assert.equal((await pool.executeOn('primaries', 'TIME', [], MERGE)).length, 6);
  });

  it('commands whose answers cannot be merged are refused, and nothing is sent', async () => {
    const refused: Promise<never> = pool.executeOn('primaries', 'MEMORY', ['DOCTOR'], MERGE);
    await assert.rejects(refused, /MEMORY DOCTOR: .*without merge/);
    const stats = await pool.executeOn('primaries', 'INFO', ['commandstats']);
    for (const text of stats.values()) assert.doesNotMatch(String(text), /cmdstat_memory/);
    await assert.rejects(pool.executeOn('primaries', 'DEL', ['a'], MERGE), /splitMultiKey/);
    await assert.rejects(pool.executeOn('primaries', 'NO.SUCH', ['a'], MERGE), UnknownCommandError);
    await assert.rejects(pool.executeOn('primaries', 'DBSIZE', [], { merge: 1 } as never), TypeError);
    await assert.rejects(pool.execute('DBSIZE'), /executeOn\('primaries', …\).*merge: true/);
    await assert.rejects(pool.execute('CONFIG', 'SET', 'a', 'b'), /executeOn\('all', …\).*merge: true/);
    await assert.rejects(pool.execute('RANDOMKEY'), (error: Error) => !error.message.includes('merge'));
  });

  it('FLUSHALL gives one OK, and a call with noreply gives null', async () => {
    assert.equal(await pool.executeOn('primaries', 'FLUSHALL', [], MERGE), 'OK');
    const sizes = await pool.executeOn('primaries', 'DBSIZE');
    assert.deepEqual([...sizes.values()], [0, 0, 0]);
    assert.equal(await pool.executeOn('primaries', 'DBSIZE', [], { ...MERGE, noreply: true }), null);
  });
});

it('a command unknown to the package is merged as its server says', async () => {
  const nothing = reply.array();
  const entry = (name: string, policy: string): string =>
    reply.array(
      reply.bulk(name),
      reply.integer(1),
      reply.array(reply.simple('readonly')),
      reply.integer(0),
      reply.integer(0),
      reply.integer(0),
      nothing,
      reply.array(reply.bulk('request_policy:all_shards'), reply.bulk(`response_policy:${policy}`)),
      nothing,
      nothing,
    );
  const policies: Record<string, string> = {
    'NEW.LEAST': 'agg_min',
    'NEW.MOST': 'agg_max',
    'NEW.ANY': 'agg_logical_or',
    'NEW.REPORT': 'special',
  };
  const asked: string[] = [];
  const nodes = await scriptedCluster(3, (index) => ([command = '', , name = '']) => {
    if (command === 'COMMAND') {
      asked.push(name);
      return reply.array(entry(name.toLowerCase(), policies[name]!));
    }
    if (command === 'ROLE') return reply.array(reply.bulk('master'), reply.integer(0), nothing);
    return Object.hasOwn(policies, command)
      ? reply.integer(command === 'NEW.ANY' ? index % 2 : index + 4)
      : undefined;
  });
  const pool = poolOf(startNodesOf(nodes) as never);
  const ask = (name: string): Promise<unknown> => pool.executeOn('primaries', name, [], MERGE);
  assert.deepEqual(
    await Promise.all(['NEW.LEAST', 'NEW.MOST', 'NEW.ANY'].map((name) => ask(name))),
    [4, 6, 1],
  );
  await assert.rejects(ask('NEW.REPORT'), /NEW\.REPORT: .*without merge/);
  assert.equal(await ask('NEW.MOST'), 6);
  assert.deepEqual(new Set(asked), new Set(Object.keys(policies)));
  assert.equal(asked.length, 4);
  assert.equal(
    nodes.flatMap(({ commands }) => commands).filter(({ name }) => name === 'NEW.REPORT').length,
    0,
  );
  await pool.close();
  await closeAll(nodes);
});
