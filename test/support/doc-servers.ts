import { SocksServer } from './socks-server.ts';
import {
  startCluster,
  startSentinel,
  startServer,
  type TestCluster,
  type TestSentinel,
  type TestServer,
} from '../../src/testkit/index.ts';

/** Text of the pages in place of which the address of a test server is put. */
const SERVER = /redis:\/\/127\.0\.0\.1:6379|127\.0\.0\.1:6379|'127\.0\.0\.1', (?:port: )?6379|port: 6379/;
const CLUSTER = /127\.0\.0\.1:700[012]|port: 700[012]/;
const MAPPED = /port: 710[012]/;
const SOCKS = /port: 1080/;
const SENTINELS = /127\.0\.0\.1:26379,127\.0\.0\.1:26380,127\.0\.0\.1:26381|\/etc\/ssl\/redis-ca\.pem/;

type Place = (code: string) => string;

/**
 * The servers behind the addresses that the pages name: port 6379 is one server for each page, 7000 a cluster, 7100 a
 * cluster that announces names which only an address map can resolve, 26379 sentinels with TLS, 1080 a SOCKS proxy. Each is started when
 * the first block needs it.
 */
export class DocServers implements AsyncDisposable {
  readonly #servers = new Map<string, Promise<TestServer>>();
  #cluster: Promise<TestCluster> | undefined;
  #mapped: Promise<TestCluster> | undefined;
  #socks: Promise<SocksServer> | undefined;
  #sentinel: Promise<TestSentinel> | undefined;

  /** Replaces the addresses in the code of a block of this page. */
  async placesFor(page: string, code: string): Promise<Place> {
    const places: Place[] = [];
    if (SERVER.test(code)) places.push(serverPlace(await this.#server(page)));
    if (CLUSTER.test(code)) places.push(clusterPlace(await this.#plainCluster(), 7000));
    if (MAPPED.test(code)) places.push(clusterPlace(await this.#mappedCluster(), 7100));
    if (SOCKS.test(code)) {
      this.#socks ??= SocksServer.start();
      const { port } = await this.#socks;
      places.push((text) => text.replaceAll('port: 1080', `port: ${port}`));
    }
    if (SENTINELS.test(code)) places.push(sentinelPlace(await this.#sentinels()));
    return (text) => places.reduce((changed, place) => place(changed), text);
  }

  #server(page: string): Promise<TestServer> {
    let server = this.#servers.get(page);
    if (server === undefined) {
      server = startServer({ users: { app: 'on >token-1 >token-2 ~* &* +@all' } });
      this.#servers.set(page, server);
    }
    return server;
  }
  #plainCluster(): Promise<TestCluster> {
    return (this.#cluster ??= startCluster({ replicasPerPrimary: 0 }));
  }
  #mappedCluster(): Promise<TestCluster> {
    return (this.#mapped ??= startCluster({
      replicasPerPrimary: 0,
      announceHostname: (index) => `redis-${index}.internal`,
      preferredEndpoint: 'hostname',
    }));
  }
  #sentinels(): Promise<TestSentinel> {
    return (this.#sentinel ??= startSentinel({
      tls: true,
      password: 'secret',
      sentinelPassword: 'another secret',
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const started = [...this.#servers.values(), this.#cluster, this.#mapped, this.#sentinel, this.#socks];
    await Promise.all(started.map(async (one) => (await one)?.[Symbol.asyncDispose]()));
  }
}

function serverPlace({ port }: TestServer): Place {
  return (code) => code.replace(/(127\.0\.0\.1(?::|', (?:port: )?)|port: )6379/g, `$1${port}`);
}

function clusterPlace({ nodes }: TestCluster, first: number): Place {
  return (code) =>
    nodes.reduce(
      (text, { port }, index) =>
        text.replace(new RegExp(`(127\\.0\\.0\\.1:|port: )${first + index}`, 'g'), `$1${port}`),
      code,
    );
}

function sentinelPlace({ sentinels, tls }: TestSentinel): Place {
  return (code) =>
    sentinels
      .reduce(
        (text, { port }, index) => text.replaceAll(`127.0.0.1:${26379 + index}`, `127.0.0.1:${port}`),
        code,
      )
      .replaceAll('/etc/ssl/redis-ca.pem', tls?.paths.ca ?? '');
}
