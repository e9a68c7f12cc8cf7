import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ClusterConnection,
  type ClusterConnectionPool,
  ClusterCrossSlotError,
  ClusterNodeLocation,
  PoolClosedError,
  RedisClusterError,
  RedisError,
  RequestAbortedError,
  TCPLocation,
  TimeoutError,
} from '../../../src/index.ts';
import { serverBinaries, type TestCluster } from '../../../src/testkit/index.ts';
import { keySlot } from '../../../src/commands/key-slot.ts';
import { eventually, keyWhere, poolOf, sleep, useCluster } from './support.ts';

for (const { path, kind, version } of await serverBinaries()) {
  describe(`routing, ${kind} ${version}`, () => {
    let cluster: TestCluster;
    let pool: ClusterConnectionPool<true>;
    useCluster({ binary: path }, (...started) => {
      [cluster, pool] = started;
    });
    const keyAt = (shard: number, name = 'key'): string => {
      const port = pool.clusterLayout.primaries[shard]?.port;
      return keyWhere((slot) => pool.clusterLayout.nodeForSlot(slot).port === port, name);
    };

    it('the first use opens the pool', async () => {
      assert.equal(pool.clusterLayout.nodes.length, 0);
      assert.equal(await pool.execute('SET', 'first', 'use'), 'OK');
      assert.equal(pool.clusterLayout.nodes.length, 6);
      assert.equal(pool.clusterLayout.primaries.length, 3);
      assert.equal(pool.address, null);
      for (const { port } of cluster.locations) assert.match(String(pool), new RegExp(`127.0.0.1:${port}`));
      assert.match(String(pool.telemetryAttributes()['db.client.connection.pool.name']), /127\.0\.0\.1:\d+,/);
    });

    it('keys of every kind of command choose the node, so that no redirect is needed', async () => {
      const keys = Array.from({ length: 60 }, (_, index) => `routed:${index}`);
      await Promise.all(keys.map((key) => pool.execute('SET', key, key)));
      assert.deepEqual(await Promise.all(keys.map((key) => pool.execute('GET', Buffer.from(key)))), keys);
      for (const shard of [0, 1, 2]) {
        const tag = keyAt(shard, `t${shard}`);
        const [one, two] = [`{${tag}}1`, `{${tag}}2`];
        await pool.execute('MSET', one, 1, two, 2);
        assert.deepEqual(await pool.execute('MGET', one, two), ['1', '2']);
        assert.deepEqual(
          await pool.execute('EVAL', 'return redis.call("MGET", KEYS[1], KEYS[2])', 2, one, two),
          ['1', '2'],
        );
        await pool.execute('XADD', `${one}s`, '*', 'field', 'value');
        const read = (await pool.execute('XREAD', 'COUNT', 1, 'STREAMS', `${one}s`, 0)) as unknown as Map<
          string,
          unknown
        >;
        assert.deepEqual([...read.keys()], [`${one}s`]);
        await pool.execute('RPUSH', `${one}l`, 3, 1, 2);
        assert.equal(await pool.execute('SORT', `${one}l`, 'STORE', `${one}m`), 3);
        assert.equal(await pool.execute('OBJECT', 'ENCODING', `${one}s`), 'stream');
        assert.equal(await pool.execute('BLPOP', `{${tag}}empty`, 0.02), null);
      }
      const numeric = Array.from({ length: 30 }, (_, index) => index);
      await Promise.all(numeric.map((key) => pool.execute('SET', key, key)));
      assert.deepEqual(
        await Promise.all(numeric.map((key) => pool.execute('GET', String(key)))),
        numeric.map(String),
      );
      for (const [number, key] of [
        [Infinity, 'inf'],
        [-Infinity, '-inf'],
        [-0, '-0'],
      ] as const) {
        await pool.execute('SET', number, 'v');
        assert.equal(await pool.execute('GET', key), 'v');
      }
      assert.equal(await pool.executeRequest('BLPOP', ['unheard', 20], { noreply: true }), null);
      assert.equal(await pool.execute('RPUSH', 'unheard', 'x'), 1);
      await eventually('the element is taken', async () => (await pool.execute('EXISTS', 'unheard')) === 0);
      const stats = await pool.executeOn('primaries', 'INFO', ['errorstats']);
      for (const text of stats.values()) assert.doesNotMatch(String(text), /errorstat_(MOVED|ASK|CROSSSLOT)/);
      assert.equal(pool.layoutRefreshes.succeeded, 1);
    });

    it('keys of several slots are refused before anything is sent', async () => {
      const sent = async (): Promise<number> => {
        const infos = await Promise.all(cluster.nodes.map((node) => node.command('INFO', 'commandstats')));
        return infos.join('').match(/cmdstat_(del|mget|eval)/g)?.length ?? 0;
      };
      const before = await sent();
      const calls: [string, ...(string | number)[]][] = [
        ['DEL', keyAt(0), keyAt(1)],
        ['EVAL', 'return 1', 2, keyAt(1), keyAt(2)],
        ['MGET', 'a', 'b'],
      ];
      for (const [command, ...args] of calls) {
        await assert.rejects(pool.execute(command, ...args), (error: unknown) => {
          assert.ok(error instanceof ClusterCrossSlotError && error instanceof RedisClusterError);
          assert.equal(error.code, 'CROSSSLOT');
          return true;
        });
      }
      await assert.rejects(
        pool.executeBatch([
          { command: 'GET', args: ['a'] },
          { command: 'MGET', args: ['a', 'b'] },
        ]),
        ClusterCrossSlotError,
      );
      assert.equal(await sent(), before);
    });

    it('keyless commands go to random primaries, scripts without keys too', async () => {
      const ports = new Set<string>();
      for (let count = 0; count < 60; count++) {
        ports.add(/tcp_port:(\d+)/.exec(String(await pool.execute('INFO', 'server')))?.[1] ?? '');
        assert.equal(await pool.execute('EVAL', 'return 1', 0), 1);
      }
      assert.deepEqual(
        [...ports].sort(),
        pool.clusterLayout.primaries.map(({ port }) => String(port)).sort(),
      );
    });

    it('commands for several nodes are refused, and the error names the alternative', async () => {
      const calls = [
        'SCAN 0',
        'KEYS *',
        'RANDOMKEY',
        'DBSIZE',
        'FLUSHALL',
        'FLUSHDB',
        'SWAPDB 0 1',
        'SCRIPT LOAD x',
        'script exists x',
        'SCRIPT FLUSH',
        'FUNCTION LOAD x',
        'FUNCTION DELETE x',
        'FUNCTION FLUSH',
        'FUNCTION RESTORE x',
        'CONFIG SET a b',
        'ACL SETUSER x',
        'ACL DELUSER x',
      ];
      for (const call of calls) {
        const [command, ...args] = call.split(' ') as [string, ...string[]];
        const refusal = (error: unknown): boolean =>
          error instanceof TypeError && /executeOn/.test(error.message);
        await assert.rejects(pool.execute(command, ...args), refusal, call);
        await assert.rejects(pool.executeRequest(Buffer.from(command), args), refusal, call);
        await assert.rejects(pool.executeBatch([{ command, args }]), refusal, call);
      }
      await assert.rejects(pool.execute('MULTI'), /acquire/);
    });

    it('the pool asks a server once about an unknown command', async () => {
      const asked = async (): Promise<number> => {
        const infos = await Promise.all(cluster.nodes.map((node) => node.command('INFO', 'commandstats')));
        return [...infos.join('').matchAll(/cmdstat_command\|info:calls=(\d+)/g)].reduce(
          (sum, [, calls]) => sum + Number(calls),
          0,
        );
      };
      const before = await asked();
      const calls = Array.from({ length: 50 }, (_, index) => pool.execute('NO.SUCH', `key:${index}`));
      for (const result of await Promise.allSettled(calls)) assert.equal(result.status, 'rejected');
      await assert.rejects(pool.execute('NO.SUCH', 'key'), /unknown command/);
      assert.equal(await asked(), before + 1);
      // Known to this server: its key decides.
      await Promise.all(['a', 'b', 'c', 'd'].map((key) => pool.execute('SET', key, 1)));
      for (const key of ['a', 'b', 'c', 'd'])
        assert.equal(
          await pool.execute('PFDEBUG', 'TODENSE', key).catch((error: RedisError) => error.code),
          'WRONGTYPE',
        );
    });

    it('executeOn gives the answer of each node', async () => {
      const sizes = await pool.executeOn('primaries', 'DBSIZE');
      assert.equal(sizes.size, 3);
      for (const [location, size] of sizes) {
        assert.ok(location instanceof ClusterNodeLocation && location.serverType === 'primary');
        assert.equal(typeof size, 'number');
      }
      const roles = await pool.executeOn('replicas', 'ROLE');
      assert.deepEqual(
        [...roles.values()].map((role) => (role as string[])[0]),
        ['slave', 'slave', 'slave'],
      );
      assert.equal((await pool.executeOn('all', 'PING')).size, 6);
      const [node] = pool.clusterLayout.primaries;
      assert.ok(node !== undefined);
      const one = await pool.executeOn(node, 'SCAN', [0, 'COUNT', 10]);
      assert.deepEqual([...one.keys()], [node]);
      const refused = await pool.executeOn('all', 'GET', [keyAt(0)]);
      const errors = [...refused.values()].filter((answer) => answer instanceof RedisError);
      assert.equal(
        errors.length,
        4,
        'the owner answers and so does its READONLY replica; the others say where to go',
      );
      await assert.rejects(pool.executeOn('everybody' as 'all', 'PING'), TypeError);
      await assert.rejects(pool.executeOn('all', 'MULTI'), TypeError);
      await assert.rejects(
        pool.executeOn(
          new ClusterNodeLocation('127.0.0.1', 1, { nodeId: 'x', serverType: 'primary' }),
          'PING',
        ),
        RedisClusterError,
      );
      const loaded = await pool.executeOn('primaries', 'SCRIPT LOAD', ['return 7']);
      const [sha] = loaded.values();
      assert.equal(await pool.execute('EVALSHA', sha as string, 1, keyAt(2)), 7);
    });

    it('option splitMultiKey: answers come in the order of the call', async () => {
      const keys = Array.from({ length: 40 }, (_, index) => `split:${index}`);
      const split = { splitMultiKey: true };
      const pairs = keys.flatMap((key, index) => [key, `value ${index}`]);
      assert.equal(await pool.executeRequest('MSET', pairs, split), 'OK');
      const asked = [...keys, 'missing', ...keys.slice(0, 3), Buffer.from(keys[5] as string)];
      const values = [
        ...keys.map((_, index) => `value ${index}`),
        null,
        'value 0',
        'value 1',
        'value 2',
        'value 5',
      ];
      assert.deepEqual(await pool.executeRequest('MGET', asked, split), values);
      assert.deepEqual(await pool.with(split).execute('mget', ...asked), values);
      assert.equal(await pool.executeRequest('EXISTS', asked, split), 44);
      assert.equal(await pool.executeRequest('TOUCH', keys, split), 40);
      assert.equal(await pool.executeRequest('UNLINK', keys.slice(0, 10), split), 10);
      assert.equal(await pool.executeRequest('DEL', keys, split), 30);
      await assert.rejects(pool.executeRequest('MGET', keys), ClusterCrossSlotError);
      const [one, two, three] = keys as [string, string, string];
      const words = pool.with(split);
      assert.equal(await words.execute(`MSET ${one} 1 ${two}`, '2', three, '3'), 'OK');
      assert.deepEqual(await words.execute(`mget ${one} ${two} ${three}`), ['1', '2', '3']);
      assert.deepEqual(await words.execute(Buffer.from(`MGET ${one}`), two, three), ['1', '2', '3']);
      assert.deepEqual(
        await words
          .executeBatch([
            { command: 'SET', args: [one, 'x'] },
            { command: 'MGET', args: [one, two, three] },
            { command: `MGET ${two}`, args: [three, one], decode: false },
            { command: 'SUNIONX', args: [one] },
            { command: 'DEL', args: [one, two, three] },
          ])
          .then((entries) => entries.map((entry) => (entry instanceof Error ? entry.name : entry))),
        [
          'OK',
          ['x', '2', '3'],
          [Buffer.from('2'), Buffer.from('3'), Buffer.from('x')],
          'UnknownCommandError',
          3,
        ],
      );
      await assert.rejects(
        words.executeBatch([
          { command: 'MSET', args: [one, 1, two, 2] },
          { command: 'MGET', args: keys, decode: 3 as never },
        ]),
        TypeError,
      );
      assert.equal(await words.execute('EXISTS', one, two), 0, 'bad input: nothing of the batch is sent');
      const late = { signal: AbortSignal.abort('late') };
      const [entry] = await words.executeBatch([{ command: 'MGET', args: [one, two] }], late);
      assert.ok(entry instanceof RequestAbortedError);
      assert.equal(entry.cause, 'late');
      await assert.rejects(pool.executeRequest('SUNION', keys, split), ClusterCrossSlotError);
    });

    it('a split command that failed in part reports its done parts, without naming keys', async () => {
      const [one, two, three] = [keyAt(0, 'secret'), keyAt(1, 'secret'), keyAt(2, 'secret')];
      const node = cluster.nodes.find(({ port }) => port === pool.clusterLayout.nodeForKey(two).port);
      await node?.command('ACL', 'SETUSER', 'default', '-unlink');
      const call = pool.executeRequest('UNLINK', [one, two, three], { splitMultiKey: true });
      await assert.rejects(call, (error: unknown) => {
        assert.ok(error instanceof RedisClusterError);
        assert.match(error.message, /2 keys are done \(0, 2\), 1 failed \(1\)/);
        assert.deepEqual(
          [(error as unknown as { done: number[] }).done, (error as unknown as { failed: number[] }).failed],
          [[0, 2], [1]],
        );
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
      assert.equal(call.maybeExecuted, true);
      await node?.command('ACL', 'SETUSER', 'default', '+unlink');
    });

    it('a batch goes to many nodes, and its answers come in order', async () => {
      const keys = Array.from({ length: 30 }, (_, index) => `batch:${index}`);
      const sets = await pool.executeBatch(keys.map((key) => ({ command: 'SET', args: [key, key] })));
      assert.ok(sets.every((answer) => answer === 'OK'));
      const gets = await pool.executeBatch([
        ...keys.map((key) => ({ command: 'GET', args: [key] })),
        { command: 'LPUSH', args: [keys[0] as string, 1] },
      ]);
      assert.deepEqual(gets.slice(0, 30), keys);
      assert.equal((gets[30] as RedisError).code, 'WRONGTYPE');
    });

    it('option node and option primary of a lease: choose that node, a random primary, or a replica in READONLY mode', async () => {
      for (const node of pool.clusterLayout.nodes) {
        await using lease = await pool.acquire({ node });
        assert.ok(lease.connection instanceof ClusterConnection);
        assert.ok(lease.connection.location.equals(node));
        const info = String(await lease.connection.execute('CLIENT', 'INFO'));
        assert.equal(/ flags=r/.test(info), node.serverType === 'replica');
      }
      const ports = new Set<number>();
      for (let count = 0; count < 60; count++) {
        const connection = await pool.getConnection();
        ports.add((connection.location as TCPLocation).port);
        pool.release(connection);
      }
      assert.deepEqual([...ports].sort(), pool.clusterLayout.primaries.map(({ port }) => port).sort());
      const key = keyAt(0);
      await pool.execute('SET', key, 'read me');
      const roles = await pool.use((connection) => connection.execute('ROLE'), { primary: false });
      assert.equal((roles as string[])[0], 'slave');
      const idle = pool.tryGetConnection();
      assert.ok(idle !== null);
      pool.release(idle);
      const gone = new ClusterNodeLocation('127.0.0.1', 1, { nodeId: 'gone', serverType: 'primary' });
      await assert.rejects(pool.getConnection({ node: gone }), /127.0.0.1:1 is not a node of the cluster/);
      await assert.rejects(pool.getConnection({ nod: gone } as object), TypeError);
      await assert.rejects(
        pool.getConnection({ primary: 'no' } as unknown as { primary: boolean }),
        TypeError,
      );
      assert.equal(pool.statistics.inUseConnections, 0);
    });

    it('option maxConnectionsPerNode: the limit counts per node, else it is divided', async () => {
      const divided = await poolOf(cluster, { maxConnections: 13 }).open();
      const each = await poolOf(cluster, { maxConnections: 3, maxConnectionsPerNode: true }).open();
      const [node, other] = divided.clusterLayout.primaries as [ClusterNodeLocation, ClusterNodeLocation];
      for (const [one, limit] of [
        [divided, 2],
        [each, 3],
      ] as const) {
        const held = await Promise.all(Array.from({ length: limit }, () => one.getConnection({ node })));
        await assert.rejects(
          one.getConnection({ node, timeout: 30 }),
          (error: unknown) => error instanceof TimeoutError && error.max === limit,
        );
        const elsewhere = await one.getConnection({ node: other, timeout: 2_000 });
        assert.equal(one.statistics.inUseConnections, limit + 1);
        const figures = [...one.nodeStatistics].find(([location]) => location.equals(node))?.[1];
        assert.equal(figures?.inUseConnections, limit);
        assert.equal(figures?.maxConnections, limit);
        for (const connection of [...held, elsewhere]) one.release(connection);
        assert.equal(one.statistics.inUseConnections, 0);
        assert.equal(one.statistics.activeConnections, limit + 1);
        await one.close();
        assert.equal(one.statistics.activeConnections, 0);
      }
      assert.equal(divided.statistics.maxConnections, 13);
      assert.equal(each.statistics.maxConnections, 18);
    });

    it('a maxConnections below the number of nodes is raised, with one warning', async () => {
      const warnings: Error[] = [];
      const listen = (warning: Error): void => void warnings.push(warning);
      process.on('warning', listen);
      const small = poolOf(cluster, { maxConnections: 2 });
      assert.equal(small.statistics.maxConnections, 2);
      await small.open();
      await small.refreshLayout();
      assert.equal(small.statistics.maxConnections, 6);
      await small.executeOn('all', 'PING');
      assert.equal(small.statistics.activeConnections, 6);
      await small.close();
      await sleep(1);
      process.off('warning', listen);
      assert.equal(warnings.length, 1);
      assert.match(String(warnings[0]?.message), /raised/);
    });

    it('disconnect() drops every connection of every node and the pool goes on; close() ends everything', async () => {
      const own = await poolOf(cluster).open();
      await own.executeOn('all', 'PING');
      assert.equal(own.statistics.activeConnections, 6);
      own.disconnect();
      assert.equal(own.statistics.activeConnections, 0);
      assert.equal(await own.execute('SET', 'again', 1), 'OK');
      const lease = await own.acquire();
      const closing = own.close({ timeout: 100 });
      await assert.rejects(own.execute('GET', 'a'), PoolClosedError);
      await assert.rejects(own.executeOn('all', 'PING'), PoolClosedError);
      await assert.rejects(own.getConnection({ primary: false }), PoolClosedError);
      await assert.rejects(own.refreshLayout(), PoolClosedError);
      lease.release();
      await closing;
      assert.equal(own.statistics.activeConnections, 0);
      await assert.rejects(own.open(), PoolClosedError);
    });

    it('nodeForKey and its relatives agree with the cluster', () => {
      const { clusterLayout: layout } = pool;
      assert.equal(layout.nodeForKey('foo'), layout.nodeForSlot(keySlot('foo')));
      assert.equal(layout.nodeForSlot(0, false).serverType, 'replica');
      assert.ok(
        layout.randomNode().serverType === 'primary' && layout.randomNode(false).serverType === 'replica',
      );
      const [node] = layout.nodes as [ClusterNodeLocation];
      assert.equal(layout.nodeForLocation(new TCPLocation(node.host, node.port)), node);
      assert.throws(() => layout.nodeForSlot(16_384), RedisClusterError);
    });

    it('an added node gets its share, and a removed node loses its connections', async () => {
      const own = await poolOf(cluster, { maxConnections: 14, gcInterval: 100 }).open();
      try {
        const added = await cluster.addNode({ replicaOf: (await cluster.primaries())[0] as never });
        await own.refreshLayout();
        const location = own.clusterLayout.replicas.find(({ port }) => port === added.port);
        assert.ok(location !== undefined);
        await own.executeOn(location, 'PING');
        const lease = await own.acquire({ node: location });
        assert.equal([...own.nodeStatistics].find(([one]) => one.equals(location))?.[1].maxConnections, 2);
        await cluster.removeNode(added);
        await eventually('nobody lists it', async () => {
          await own.refreshLayout();
          return own.clusterLayout.nodes.length === 6;
        });
        await eventually('it is collected', () => own.nodeStatistics.size === 6);
        lease.release();
        assert.equal(own.statistics.inUseConnections, 0);
      } finally {
        await own.close();
      }
    });
  });
}
