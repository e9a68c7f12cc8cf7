import type { TCPLocation } from '../../transport/location.ts';
import { replicationInfo } from './cluster-node.ts';
import { allSettled, poll } from './polling.ts';
import { queryOf, type TestServer, userInfo } from './test-server.ts';

export interface SentinelParts {
  readonly serviceName: string;
  readonly servers: readonly TestServer[];
  readonly sentinels: readonly TestServer[];
  readonly password: string | null;
  readonly sentinelPassword: string | null;
  readonly quick: boolean;
}

/*
 * Sentinels look at replicas every 10 s and greet each other every 2 s; a stale primary is put right after
 * four greetings. These two only: hastening their pings and votes too makes them vote at the same instant.
 */
const QUICK = ['SENTINEL', 'DEBUG', 'INFO-PERIOD', '300', 'PUBLISH-PERIOD', '500'];
const TIMEOUT = 30_000;

const answering = (server: TestServer): boolean => server.running && !server.paused;

/** Parses the flat lists in SENTINEL's replies. */
function records(reply: unknown): Map<string, string>[] {
  return (reply as string[][]).map((flat) => {
    const record = new Map<string, string>();
    for (let at = 0; at + 1 < flat.length; at += 2) record.set(flat[at] ?? '', flat[at + 1] ?? '');
    return record;
  });
}

/** One primary, its replicas, and the sentinels that watch them. */
export class TestSentinel {
  readonly serviceName: string;
  /** Data servers; `servers[0]` is the primary at the start. */
  readonly servers: readonly TestServer[];
  readonly sentinels: readonly TestServer[];
  readonly password: string | null;
  readonly sentinelPassword: string | null;

  readonly #quick: boolean;

  constructor(parts: SentinelParts) {
    this.#quick = parts.quick;
    this.serviceName = parts.serviceName;
    this.servers = parts.servers;
    this.sentinels = parts.sentinels;
    this.password = parts.password;
    this.sentinelPassword = parts.sentinelPassword;
  }

  /** `redis+sentinel://` with all sentinels; `rediss+sentinel://` when TLS is on. */
  get url(): string {
    const user = userInfo(null, this.password);
    const hosts = this.sentinels.map(({ host, port }) => `${host}:${port}`).join();
    const query = new URLSearchParams();
    if (this.sentinelPassword !== null) query.set('sentinelPassword', this.sentinelPassword);
    const { tls } = this;
    if (tls !== null) query.set('ssl_ca_certs', tls.paths.ca);
    if (tls?.mutual === true) {
      query.set('ssl_certfile', tls.paths.clientCert);
      query.set('ssl_keyfile', tls.paths.clientKey);
    }
    const scheme = tls === null ? 'redis+sentinel' : 'rediss+sentinel';
    return `${scheme}://${user}${hosts}/${this.serviceName}/0${queryOf(query, user)}`;
  }

  get tls(): TestServer['tls'] {
    return this.servers[0]?.tls ?? null;
  }
  get version(): string {
    return this.servers[0]?.version ?? '';
  }
  get kind(): 'redis' | 'valkey' {
    return this.servers[0]?.kind ?? 'redis';
  }
  /** Data servers and sentinels. */
  get nodes(): TestServer[] {
    return [...this.servers, ...this.sentinels];
  }
  get locations(): TCPLocation[] {
    return this.sentinelLocations;
  }
  get sentinelLocations(): TCPLocation[] {
    return this.sentinels.map((sentinel) => sentinel.location);
  }

  /** In the eyes of the first sentinel that can be asked. */
  async currentPrimary(): Promise<TestServer> {
    const [sentinel] = this.sentinels.filter(answering);
    if (sentinel === undefined) throw new Error('respool/testkit: no sentinel can be asked');
    return this.#seenBy(sentinel);
  }

  /** Data servers that answer and say they are replicas. */
  async currentReplicas(): Promise<TestServer[]> {
    const candidates = this.servers.filter(answering);
    const roles = await Promise.all(
      candidates.map(async (server) => (await replicationInfo(server)).get('role')),
    );
    return candidates.filter((_, index) => roles[index] === 'slave');
  }

  /** SENTINEL FAILOVER, again and again until it is taken; resolves with the new primary. */
  async failover(timeout = TIMEOUT): Promise<TestServer> {
    const before = await this.currentPrimary();
    await poll(
      'SENTINEL FAILOVER is accepted',
      timeout,
      async () => {
        const [sentinel] = this.sentinels.filter(answering);
        await sentinel?.command('SENTINEL', 'FAILOVER', this.serviceName);
        return true;
      },
      50,
    );
    return this.waitForPrimary(before, timeout);
  }

  /** SIGKILL; resolves with the dead server, at once. */
  async killPrimary(): Promise<TestServer> {
    const primary = await this.currentPrimary();
    await primary.kill();
    return primary;
  }

  /*
   * Sentinels poll replicas every 10 s and greet each other every 2 s; a stale primary is corrected after four
   * greetings. Only these two periods are shortened: with faster pings and votes, sentinels would vote at the same
   * instant.
   */
  waitForPrimary(not?: TestServer, timeout = TIMEOUT): Promise<TestServer> {
    return poll(
      `the sentinels agree about a${not === undefined ? '' : ' new'} primary`,
      timeout,
      async () => {
        const named = await Promise.all(
          this.sentinels.filter(answering).map((sentinel) => this.#seenBy(sentinel)),
        );
        const [primary] = named;
        if (primary === undefined || primary === not || !answering(primary)) return null;
        if (named.some((server) => server !== primary)) return null;
        return (await replicationInfo(primary)).get('role') === 'master' ? primary : null;
      },
    );
  }

  /*
   * Sentinels poll replicas every 10 s and greet each other every 2 s; a stale primary is corrected after four greetings.
   * Only these two periods are shortened: with faster pings and votes too, sentinels would vote at the same instant.
   */
  async waitHealthy(timeout = TIMEOUT): Promise<void> {
    // A restarted sentinel has lost these settings.
    if (this.#quick)
      await Promise.all(this.sentinels.filter(answering).map((sentinel) => sentinel.pipeline([QUICK])));
    await this.waitForPrimary(undefined, timeout);
    await poll(
      'sentinels and replicas are healthy',
      timeout,
      async () => {
        const sentinels = this.sentinels.filter(answering);
        for (const sentinel of sentinels) await this.#checkView(sentinel, sentinels.length - 1);
        return true;
      },
      20,
    );
  }

  async stop(): Promise<void> {
    await allSettled(this.nodes.map((node) => node.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #seenBy(sentinel: TestServer): Promise<TestServer> {
    const reply = await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.serviceName);
    const port = Number((reply as string[] | null)?.[1]);
    const server = this.servers.find((one) => one.port === port);
    if (server === undefined)
      throw new Error(`respool/testkit: sentinel ${sentinel.port} names ${String(reply)}`);
    return server;
  }

  async #checkView(sentinel: TestServer, others: number): Promise<void> {
    const [replicas, sentinels] = await sentinel.pipeline([
      ['SENTINEL', 'REPLICAS', this.serviceName],
      ['SENTINEL', 'SENTINELS', this.serviceName],
    ]);
    const inSync = records(replicas).filter(
      (one) => one.get('flags') === 'slave' && one.get('master-link-status') === 'ok',
    ).length;
    // Valkey 9.1 adds a sentinel's opinion of the primary (master_down) and keeps it for a while.
    const peers = records(sentinels).filter((one) =>
      /^sentinel(?:,master_down)?$/.test(one.get('flags') ?? ''),
    ).length;
    const wanted = this.servers.filter(answering).length - 1;
    if (inSync < wanted || peers < others) {
      throw new Error(
        `sentinel ${sentinel.port} sees ${inSync} of ${wanted} replicas, ${peers} of ${others} sentinels`,
      );
    }
  }
}
