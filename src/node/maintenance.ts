import { isIPv4, isIPv6 } from 'node:net';
import { addHandshakeStep, type BaseConnection, coreOf, settingsOf } from '../connection/base-connection.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import type { HandshakeStep } from '../connection/opening/handshake.ts';
import { BY_PUSH } from '../commands/session-effects.ts';
import type { Reply } from '../resp/types.ts';
import { TCPLocation } from '../transport/location.ts';
import { pooledOf } from './pooled-connection.ts';

/** Longest time, in ms, for which one announcement relaxes limits; used if the server gives none. */
const MOST = 30_000;
/** Limit of the set `silent`; above what a process normally uses. */
const MOST_ENDPOINTS = 1_000;

/** Endpoints whose servers refused CLIENT MAINT_NOTIFICATIONS, and are not asked again. */
const silent = new Set<string>();

/** Pushes that a pool's connection understands. */
const KNOWN: ReadonlySet<string> = new Set([...BY_PUSH, 'message', 'pmessage', 'smessage', 'invalidate']);

export interface MaintenanceSettings {
  /** True: ask servers for notifications. False: only drop unknown pushes. */
  readonly asks: boolean;
  /** Makes later dials go to the server's successor; null: the topology finds its servers itself. */
  readonly moveTo: ((location: TCPLocation) => void) | null;
}

/**
 * Handles the pushes by which managed services announce a move or a failover (`CLIENT MAINT_NOTIFICATIONS`):
 *
 *     MOVING seq seconds endpoint           dial the endpoint first, then drain this connection
 *     MIGRATING, FAILING_OVER seq seconds   relax the time limits
 *     MIGRATED, FAILED_OVER seq             restore the time limits
 *
 * Call it with each connection of a pool before the connection is run.
 */
export function heedMaintenance(connection: BaseConnection, settings: MaintenanceSettings): void {
  const core = coreOf(connection);
  core.inbox.notices = (frame) => heed(connection, frame, settings);
  const { endpoint } = core.settings;
  if (settings.asks && !silent.has(endpoint)) addHandshakeStep(connection, askingStep(connection, endpoint));
}

function askingStep(connection: BaseConnection, endpoint: string): HandshakeStep {
  return {
    command: 'CLIENT MAINT_NOTIFICATIONS',
    get args() {
      return ['ON', 'moving-endpoint-type', endpointType(connection)];
    },
    rule: 'may fail',
    needsPushes: true,
    told(refused) {
      if (!refused) return;
      if (silent.size >= MOST_ENDPOINTS) silent.clear();
      silent.add(endpoint);
    },
  };
}

/** The endpoint type to ask for: host names with TLS, else IPs; internal if the peer's address is private. */
function endpointType(connection: BaseConnection): string {
  const host = (connection.address ?? '').replace(/:\d+$/, '');
  const kind = settingsOf(connection).sslContext === null ? 'ip' : 'fqdn';
  return `${isPrivate(host) ? 'internal' : 'external'}-${kind}`;
}

function isPrivate(host: string): boolean {
  const address = host.replace(/^::ffff:/, '');
  if (isIPv4(address)) return /^(?:10|127|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))\./.test(address);
  return isIPv6(address) && /^(?:::1$|f[cd]|fe[89ab])/i.test(address);
}

/** Consumes announcements and unknown pushes. False: the push is left to other readers. */
function heed(connection: BaseConnection, frame: readonly Reply[], settings: MaintenanceSettings): boolean {
  const core = coreOf(connection);
  const kind = wordOf(frame[0]);
  switch (kind) {
    case 'MOVING':
      moving(connection, frame, settings);
      return true;
    case 'MIGRATING':
    case 'FAILING_OVER':
      relax(connection, core, milliseconds(frame[2]));
      return true;
    case 'MIGRATED':
    case 'FAILED_OVER':
      core.relaxedUntil = 0;
      return true;
  }
  if (KNOWN.has(kind) || core.leaseId !== 0 || core.inbox.pushes.everRead) return false;
  core.counters.messagesDropped++;
  return true;
}

function moving(connection: BaseConnection, frame: readonly Reply[], settings: MaintenanceSettings): void {
  const time = milliseconds(frame[2]);
  relax(connection, coreOf(connection), time);
  const endpoint = locationIn(wordOf(frame[3]));
  if (endpoint !== null && settings.moveTo !== null) {
    settings.moveTo(endpoint);
    handOver(connection);
  } else {
    // By then the same name should resolve to the successor.
    setTimeout(() => handOver(connection), time / 2).unref();
  }
}

/** Replaces a pooled connection before it drains; ends a service connection at once, so that it is dialled again. */
function handOver(connection: BaseConnection): void {
  const { state } = coreOf(connection);
  if (state === 'closed') return;
  const pooled = pooledOf(connection);
  if (pooled === undefined) connection.invalidate('its server is about to move');
  else pooled.slot?.retire(true);
}

/** Relaxes the time limits that no caller has set, for `time` ms. */
function relax(connection: BaseConnection, core: ConnectionCore, time: number): void {
  core.relaxedUntil = Math.max(core.relaxedUntil, performance.now() + time);
  core.relaxedLimit = settingsOf(connection).streamTimeout ?? 0;
}

function milliseconds(seconds: Reply | undefined): number {
  const given = Number(typeof seconds === 'number' ? seconds : wordOf(seconds) || Number.NaN);
  return given >= 0 && given * 1_000 < MOST ? given * 1_000 : MOST;
}

function wordOf(value: Reply | undefined): string {
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : '';
}

/** Parses `host:port`; null if the text is something else. */
function locationIn(text: string): TCPLocation | null {
  const [, host = '', port = ''] = /^\[?([^\s\]@/]+)\]?:(\d{1,5})$/.exec(text) ?? [];
  return host !== '' && Number(port) > 0 && Number(port) < 65_536
    ? new TCPLocation(host, Number(port))
    : null;
}
