import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { parseConnectionUrl } from '../../../src/pool/urls/connection-url.ts';
import type { ConnectionUrl } from '../../../src/pool/urls/connection-url.ts';
import type { PoolKind } from '../../../src/pool/options/pool-rules.ts';

interface Expected {
  at?: string | null;
  user?: string;
  password?: string;
  db?: number;
  tls?: boolean;
  options?: Record<string, unknown>;
  service?: string;
  sentinels?: string[];
}

function summary(url: ConnectionUrl): Expected {
  return {
    at: url.location === null ? null : String(url.location),
    ...(url.username === undefined ? {} : { user: url.username }),
    ...(url.password === undefined ? {} : { password: url.password }),
    ...(url.db === undefined ? {} : { db: url.db }),
    ...(url.tls ? { tls: true } : {}),
    ...(Object.keys(url.options).length === 0 ? {} : { options: { ...url.options } }),
    ...(url.serviceName === undefined ? {} : { service: url.serviceName }),
    ...(url.sentinels.length === 0 ? {} : { sentinels: url.sentinels.map(String) }),
  };
}

type Row = [url: string, expected: Expected, rules?: { kind?: PoolKind; decodeComponents?: boolean }];
const H = 'h:6379';
const decoded = { decodeComponents: true };

const TABLE: Record<string, Row[]> = {
  'the address': [
    ['redis://h', { at: H }],
    ['redis://h:7', { at: 'h:7' }],
    ['redis://h/', { at: H }],
    ['REDIS://h', { at: H }],
    ['redis://127.0.0.1:65535', { at: '127.0.0.1:65535' }],
    ['redis://[::1]', { at: '::1:6379' }],
    ['redis://[::1]:7/2', { at: '::1:7', db: 2 }],
    ['redis://u:p@[fe80::1%eth0]:7', { at: 'fe80::1%eth0:7', user: 'u', password: 'p' }],
    ['redis://bücher.example', { at: 'bücher.example:6379' }],
    ['redis://h%2e', { at: 'h%2e:6379' }],
    ['redis://h%2e', { at: 'h.:6379' }, decoded],
    ['redis://h?', { at: H }],
    ['rediss://h:7', { at: 'h:7', tls: true }],
    ['valkey://h', { at: H }],
    ['valkeys://h:7', { at: 'h:7', tls: true }],
    ['redis://u:a%40b%2f@h%2e?decodeComponents=true', { at: 'h.:6379', user: 'u', password: 'a@b/' }],
    ['redis://u:a%40b@h?decode_components=yes', { at: H, user: 'u', password: 'a@b' }],
    ['redis://u:a%40b@h?decodeComponents=false', { at: H, user: 'u', password: 'a%40b' }, decoded],
    ['unix:///tmp/x.sock', { at: '/tmp/x.sock' }],
    ['unix:///tmp/a%20b', { at: '/tmp/a%20b' }],
    ['unix:///tmp/a%20b', { at: '/tmp/a b' }, decoded],
    ['unix:///tmp/a b^|"é@x', { at: '/tmp/a b^|"é@x' }],
    ['unix://u:p@/tmp/x?db=3', { at: '/tmp/x', user: 'u', password: 'p', db: 3 }],
    ['redis:///2', { at: null, db: 2 }, { kind: 'cluster' }],
  ],
  'the database': [
    ['redis://h/2', { at: H, db: 2 }],
    ['redis://h/0', { at: H, db: 0 }],
    ['redis://h?db=0', { at: H, db: 0 }],
    ['redis://h/2?db=3', { at: H, db: 3 }],
    ['redis://h/2?db=0', { at: H, db: 0 }],
    ['redis://h/%31', { at: H, db: 1 }, decoded],
    ['unix:///x?db=0', { at: '/x', db: 0 }],
    ['unix:///2', { at: '/2' }],
  ],
  'the credentials': [
    ['redis://u:p@h', { at: H, user: 'u', password: 'p' }],
    ['redis://:p@h', { at: H, password: 'p' }],
    ['redis://u:@h', { at: H, user: 'u' }],
    ['redis://u@h', { at: H, user: 'u' }],
    ['redis://@h', { at: H }],
    ['redis://:@h', { at: H }],
    ['redis://u:p:q@h', { at: H, user: 'u', password: 'p:q' }],
    ['redis://u:p@q@h', { at: H, user: 'u', password: 'p@q' }],
    ['redis://u:p%20q@h', { at: H, user: 'u', password: 'p%20q' }],
    ['redis://u%40x:p%20q@h', { at: H, user: 'u@x', password: 'p q' }, decoded],
    ['redis://u:%0d%0a@h', { at: H, user: 'u', password: '\r\n' }, decoded],
    ['redis://u:%2F%23%3F%40@h', { at: H, user: 'u', password: '/#?@' }, decoded],
    ['redis://u:%2525@h', { at: H, user: 'u', password: '%25' }, decoded],
    ['redis://u:100%@h', { at: H, user: 'u', password: '100%' }],
    ['redis://u:^|"{}`\\<> é漢@h', { at: H, user: 'u', password: '^|"{}`\\<> é漢' }],
    ['redis://u:p+q@h', { at: H, user: 'u', password: 'p+q' }],
    ['redis://u: p \t@h', { at: H, user: 'u', password: ' p \t' }],
    ['redis://u:p[]@h', { at: H, user: 'u', password: 'p[]' }],
    ['redis://u:p@h?username=a&password=b', { at: H, user: 'a', password: 'b' }],
    ['redis://u:p@h?password=b', { at: H, user: 'u', password: 'b' }],
    ['redis://h?password=a%26b+c@d', { at: H, password: 'a&b+c@d' }],
  ],
  'the options': [
    ['redis://h?streamTimeout=250', { at: H, options: { streamTimeout: 250 } }],
    ['redis://h?timeout=0.5', { at: H, options: { timeout: 0.5 } }],
    ['redis://h?timeout=0', { at: H, options: { timeout: 0 } }],
    ['redis://h?max_connections=5', { at: H, options: { maxConnections: 5 } }],
    ['redis://h?maxConnections=5', { at: H, options: { maxConnections: 5 } }],
    [
      'redis://h?connectTimeout=1&maxIdleTime=2&maxLifetime=3&deadPeerTimeout=4&leakDetection=5',
      {
        at: H,
        options: { connectTimeout: 1, maxIdleTime: 2, maxLifetime: 3, deadPeerTimeout: 4, leakDetection: 5 },
      },
    ],
    [
      'redis://h?client_name=me&encoding=latin1',
      { at: H, options: { clientName: 'me', encoding: 'latin1' } },
    ],
    ['redis://h?decode_responses=false', { at: H, options: { decodeResponses: false } }],
    ['redis://h?decodeResponses=TRUE', { at: H, options: { decodeResponses: true } }],
    [
      'redis://h?noreply=1&noevict=yes&notouch=on',
      { at: H, options: { noreply: true, noevict: true, notouch: true } },
    ],
    [
      'redis://h?noreply=0&noevict=no&notouch=off',
      { at: H, options: { noreply: false, noevict: false, notouch: false } },
    ],
    [
      'redis://h?max_waiting=0&max_buffered_bytes=9',
      { at: H, options: { maxWaiting: 0, maxBufferedBytes: 9 } },
    ],
    [
      'redis://h?bulk_detour=off&socket_keepalive=off',
      { at: H, options: { bulkDetour: false, socketKeepalive: false } },
    ],
    [
      'redis://h?reinitialize_steps=5&nodemanager_follow_cluster=no&readonly=1&gcInterval=9',
      {
        at: H,
        options: { reinitializeSteps: 5, nodemanagerFollowCluster: false, readonly: true, gcInterval: 9 },
      },
      { kind: 'cluster' },
    ],
    [
      'redis://h?max_connections_per_node=1&skip_full_coverage_check=1&read_from_replicas=1',
      {
        at: H,
        options: { maxConnectionsPerNode: true, skipFullCoverageCheck: true, readFromReplicas: true },
      },
      { kind: 'cluster' },
    ],
    [
      'redis://h?is_primary=false&check_connection=true&service_name=m',
      {
        at: H,
        options: { isPrimary: false, checkConnection: true, serviceName: 'm' },
      },
      { kind: 'sentinel' },
    ],
  ],
  sentinels: [
    ['redis+sentinel://h/m', { at: null, service: 'm', sentinels: ['h:26379'] }, { kind: 'sentinel' }],
    ['redis+sentinel://h/m/', { at: null, service: 'm', sentinels: ['h:26379'] }, { kind: 'sentinel' }],
    [
      'redis+sentinel://u:p@h,i:7,[::1]:8/m/2',
      {
        at: null,
        user: 'u',
        password: 'p',
        db: 2,
        service: 'm',
        sentinels: ['h:26379', 'i:7', '::1:8'],
      },
      { kind: 'sentinel' },
    ],
    [
      'rediss+sentinel://h/my%20m/%33',
      { at: null, tls: true, db: 3, service: 'my m', sentinels: ['h:26379'] },
      { kind: 'sentinel', decodeComponents: true },
    ],
    [
      'redis+sentinel://h/m?sentinel_username=s&sentinelPassword=q&min_other_sentinels=1',
      {
        at: null,
        service: 'm',
        sentinels: ['h:26379'],
        options: { sentinelUsername: 's', sentinelPassword: 'q', minOtherSentinels: 1 },
      },
      { kind: 'sentinel' },
    ],
  ],
};

for (const [what, rows] of Object.entries(TABLE)) {
  describe(`connection URL: ${what}`, () => {
    for (const [url, expected, rules] of rows) {
      it(`the parser reads ${JSON.stringify(url)}${rules === undefined ? '' : ` ${JSON.stringify(rules)}`}`, () => {
        assert.deepEqual(summary(parseConnectionUrl(url, { kind: 'single', ...rules })), expected);
      });
    }
  });
}

type Refusal = [url: string, says: RegExp, rules?: { kind?: PoolKind; decodeComponents?: boolean }];
const REFUSED: Refusal[] = [
  ['http://h:1/2', /"http"/],
  ['h:6379', /scheme/],
  ['h', /scheme/],
  ['', /scheme/],
  ['redis:h', /scheme/],
  ['//h', /scheme/],
  ['redis+sentinel://h/m', /"redis\+sentinel"/],
  ['redis://h?decodeComponents=perhaps', /decodeComponents/],
  ['redis://h?decodeComponents=true&decode_components=no', /decodeComponents" is repeated/],
  ['valkeyss://h', /"valkeyss"/],
  ['redis+sentinel://h/m', /scheme/, { kind: 'cluster' }],
  ['unix:///x', /"unix"/, { kind: 'cluster' }],
  ['unix:///x', /"unix"/, { kind: 'sentinel' }],
  ['redis://', /host/],
  ['redis:///3', /host/],
  ['redis://u:p@', /host/],
  ['redis://:7', /host/],
  ['redis://u:p@:7', /host/],
  ['redis://h:x', /port/],
  ['redis://h:', /port/],
  ['redis://h:0', /port/],
  ['redis://h:65536', /port/],
  ['redis://h:-1', /port/],
  ['redis://h:7a', /port/],
  ['redis://h: 7', /port/],
  ['redis://::1', /IPv6/],
  ['redis://::1:7', /IPv6/],
  ['redis://[h]', /IPv6/],
  ['redis://[::1', /host|IPv6/],
  ['redis://a b', /host/],
  ['redis://a,b', /host/],
  ['redis://h\r\n', /host/],
  ['redis://h%0d%0a', /host/, decoded],
  ['redis://h%', /host/, decoded],
  ['redis://h/abc', /database/],
  ['redis://h/1/2', /database/],
  ['redis://h/-1', /database/],
  ['redis://h/0/../1', /database/],
  ['redis://h/1.5', /database/],
  ['redis://h/1/', /database/],
  ['redis://h/99999999999999999999', /database/],
  ['redis://h/1%0d%0a', /database/],
  ['redis://h/1%0d%0a', /database/, decoded],
  ['redis://h?db=x', /"db"/],
  ['redis://h?db=-1', /"db"/],
  ['redis://h?db=1.5', /"db"/],
  ['redis://h?db=1.0', /"db"/],
  ['redis://h/1.0', /database/],
  ['redis://h?max_connections=8.0', /"max_connections"/],
  ['redis://h?stream-timeout=5', /unknown option "stream-timeout"/],
  ['redis://h?pool.size=5', /unknown option "pool\.size"/],
  ['redis://h?db=', /"db" is empty/],
  ['redis://h?db', /"db" is empty/],
  ['redis://h?db=1&db=1', /"db" is repeated/],
  ['redis://h?db=1&', /empty/],
  ['redis://h?max_connections=5&maxConnections=5', /"maxConnections" is repeated/],
  ['redis://h?stream_timeout=1', /milliseconds: streamTimeout/],
  ['redis://h?connect_timeout=1', /milliseconds: connectTimeout/],
  ['redis://h?max_idle_time=1', /milliseconds: maxIdleTime/],
  ['redis://h?max_lifetime=1', /milliseconds: maxLifetime/],
  ['redis://h?dead_peer_timeout=1', /milliseconds: deadPeerTimeout/],
  ['redis://h?leak_detection=1', /milliseconds: leakDetection/],
  ['redis://h?gc_interval=1', /milliseconds: gcInterval/, { kind: 'cluster' }],
  ['redis://h?streamTimeout=0', /streamTimeout/],
  ['redis://h?streamTimeout=1e3', /streamTimeout/],
  ['redis://h?streamTimeout=-1', /streamTimeout/],
  ['redis://h?streamTimeout=Infinity', /streamTimeout/],
  ['redis://h?max_connections=0', /max_connections/],
  ['redis://h?max_connections=x', /max_connections/],
  ['redis://h?noreply=maybe', /noreply/],
  ['redis://h?noreply=2', /noreply/],
  ['redis://h?noreply=none', /noreply/],
  ['redis://h?encoding=utf-16', /encoding/],
  ['redis://h?client_name=a%20b', /client_name/],
  ['redis://h?client_name=%zz', /client_name/],
  ['redis://h?what=1', /unknown option "what"/],
  ['redis://h?Db=1', /unknown option "Db"/],
  ['redis://h?__proto__=1', /unknown option "__proto__"/],
  ['redis://h?constructor=1', /unknown option "constructor"/],
  ['redis://h?ssl_context=x', /"ssl_context" cannot be set/],
  ['redis://h?credentialProvider=x', /cannot be set/],
  ['redis://h?cache=x', /cannot be set/],
  ['redis://h/0?password=a&Tail', /looks like none/],
  ['redis://h/0?password=a&Tail=1', /looks like none/],
  ['redis://h/0?sentinel_password=a&Tail&x=1', /looks like none/],
  ['redis://h/0?Tail=1&password=a', /"Tail"/],
  ['redis://h?connection_class=x', /cannot be set/],
  ['redis://h?processing_budget=x', /cannot be set/],
  ['redis://h?location=x', /cannot be set/],
  ['redis://h?host=x', /cannot be set/],
  ['redis://h?retry_policy=x', /cannot be set/],
  ['redis://h?startup_nodes=x', /cannot be set/, { kind: 'cluster' }],
  ['redis://h?address_map=x', /cannot be set/, { kind: 'cluster' }],
  ['redis://h?sentinel_manager=x', /cannot be set/, { kind: 'sentinel' }],
  ['redis://h?read_from_replicas=1', /unknown/],
  ['redis://h?sentinelPassword=x', /unknown/, { kind: 'sentinel' }],
  ['unix:///x?socket_keepalive=1', /unknown/],
  ['redis://h?ssl_cert_reqs=none', /ssl_cert_reqs needs/],
  ['unix:///x?ssl_ca_certs=x', /ssl_ca_certs needs/],
  ['rediss://h?ssl_cert_reqs=none&ssl_cert_reqs=none', /repeated/],
  ['rediss://h?ssl_ciphers=x', /unknown/],
  ['redis://h#x', /#/],
  ['unix:///a#b', /#/],
  ['unix://', /path/],
  ['unix:///', /path/],
  ['unix://u:p@', /path/],
  ['unix://tmp/x.sock', /host/],
  ['redis://u:%zz@h', /password/, decoded],
  ['redis://%ff:p@h', /user name/, decoded],
  ['redis+sentinel://h', /service/, { kind: 'sentinel' }],
  ['redis+sentinel://h/', /service/, { kind: 'sentinel' }],
  ['redis+sentinel://h//2', /service/, { kind: 'sentinel' }],
  ['redis+sentinel://h,/m', /host/, { kind: 'sentinel' }],
  ['redis+sentinel://h/m//', /database/, { kind: 'sentinel' }],
  ['redis+sentinel://h/m//1', /database/, { kind: 'sentinel' }],
  ['redis+sentinel://h/m/x', /database/, { kind: 'sentinel' }],
  ['redis+sentinel://h/m/1/2', /database/, { kind: 'sentinel' }],
  ['redis+sentinel:///m', /host/, { kind: 'sentinel' }],
];

describe('connection URL: refusals', () => {
  for (const [url, says, rules] of REFUSED) {
    it(`the parser refuses ${JSON.stringify(url)} ${rules === undefined ? '' : JSON.stringify(rules)}`, () => {
      assert.throws(
        () => parseConnectionUrl(url, { kind: 'single', ...rules }),
        (error: Error) => {
          assert.ok(error instanceof TypeError);
          assert.match(error.message, says);
          return true;
        },
      );
    });
  }

  it('a value that is not a string is refused', () => {
    for (const url of [undefined, null, 7, new URL('redis://u:canary@h')]) {
      assert.throws(() => parseConnectionUrl(url as unknown as string, { kind: 'single' }), TypeError);
    }
    assert.throws(
      () => parseConnectionUrl('redis://h', { kind: 'single', decodeComponents: 'no' as unknown as boolean }),
      /decodeComponents/,
    );
  });
});

describe('connection URL: the password', () => {
  const P = 'canary';
  const broken = [
    `http://u:${P}@h`,
    `redis://u:${P}@h:x`,
    `redis://u:${P}@h/abc`,
    `redis://u:${P}@h?what=1`,
    `redis://u:${P}@`,
    `redis://u:${P}`,
    `redis://u:1/${P}@h`,
    `redis://u:1#${P}@h`,
    `redis://u:1?${P}@h`,
    `redis://u:1?${P}=1@h`,
    `redis://u@x:1?a-${P}=1@h`,
    `redis://u:1?a&${P}@h`,
    `redis://u:1?db=${P}@h`,
    `redis://u:1?noreply=${P}@h`,
    `redis://u:1?${P}&${P}@h`,
    `redis://u:/${P}@h`,
    `redis://u:?${P}@h/1`,
    `${P}@h`,
    `u:${P}@h:6379`,
    `redis://h?password=${P}&password=${P}`,
    `redis://u:${P}%zz@h`,
    `redis://h?password=${P}&db=x`,
    `redis://h?password=${P}%zz`,
    `unix://u:${P}@h/x`,
    `redis://u:a:${P}:b`,
    `redis://u:[${P}]:b`,
    `redis://h?encoding=utf-8&what=${P}`,
    `redis://u:p@ss?${P}=1@h`,
    `redis://u:p@ss?db=1&${P}@h`,
    `redis://h?encoding=${P}`,
  ];
  for (const url of broken) {
    it(`the password is in no error of ${JSON.stringify(url)}`, () => {
      for (const decodeComponents of [false, true]) {
        try {
          parseConnectionUrl(url, { kind: 'single', decodeComponents });
        } catch (error) {
          assert.ok(error instanceof TypeError);
          assert.ok(
            !inspect(error, { depth: 9 })
              .split('\n')
              .filter((line) => !/^\s+at /.test(line))
              .join()
              .includes(P),
            error.message,
          );
          continue;
        }
        assert.ok(!decodeComponents && url.includes('%zz'), 'it was read');
      }
    });
  }

  it('the result of a URL does not show the password', () => {
    const parsed = parseConnectionUrl(`redis+sentinel://u:${P}@h/m?sentinelPassword=${P}`, {
      kind: 'sentinel',
    });
    assert.equal(parsed.password, P);
    assert.ok(!inspect(parsed, { depth: 9 }).includes(P));
    assert.ok(!JSON.stringify(parsed).includes(P));
  });
});
