import { RedisError, SentinelError } from '../../errors/errors.ts';
import type { Reply } from '../../resp/types.ts';
import { fieldsOf, hostOf, integerOf, portOf, textOf } from '../reply-fields.ts';

/** Limit of the instances in one answer. */
const MAX_INSTANCES = 1_000;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}
/** A primary, replica or sentinel as one sentinel reports it. */
export interface Instance extends Endpoint {
  readonly name: string;
  readonly runId: string;
  readonly flags: ReadonlySet<string>;
  /** `ok` or `err`; null if the sentinel does not report it. */
  readonly primaryLinkStatus: string | null;
  readonly otherSentinels: number | null;
  readonly quorum: number | null;
  /** Grows with every failover; null if the sentinel does not report it. */
  readonly configEpoch: number | null;
}
/** The content of `+switch-master`: a service has a new primary. */
export interface PrimarySwitch {
  readonly service: string;
  readonly from: Endpoint;
  readonly to: Endpoint;
}

function refuse(what: string, why: string): never {
  throw new SentinelError(`${what} answer refused: ${why}`);
}

/** Throws an error reply; returns any other. */
function checked(reply: Reply): Reply {
  if (reply instanceof RedisError) throw reply;
  return reply;
}

function endpointOf(what: string, host: Reply | undefined, port: Reply | undefined): Endpoint {
  const name = hostOf(textOf(host));
  const number = portOf(port);
  if (name === null || number === null) return refuse(what, 'no address that can be dialled');
  return { host: name, port: number };
}

/** Parses `SENTINEL GET-MASTER-ADDR-BY-NAME`; null if the sentinel does not know the service. */
export function parsePrimaryAddress(reply: Reply): Endpoint | null {
  const value = checked(reply);
  if (value === null) return null;
  const what = 'SENTINEL GET-MASTER-ADDR-BY-NAME';
  if (!Array.isArray(value)) return refuse(what, 'no array');
  if (value.length === 0) return null;
  if (value.length !== 2) return refuse(what, 'not two elements');
  return endpointOf(what, value[0], value[1]);
}

function instanceOf(what: string, reply: Reply | undefined): Instance {
  const fields = fieldsOf(reply);
  if (fields === null) return refuse(what, 'an instance is no map');
  const flags = (textOf(fields.get('flags')) ?? '').slice(0, 1_024);
  return {
    ...endpointOf(what, fields.get('ip'), fields.get('port')),
    name: (textOf(fields.get('name')) ?? '').slice(0, 512),
    runId: (textOf(fields.get('runid')) ?? '').slice(0, 64),
    flags: new Set(flags.split(',').filter((flag) => flag !== '')),
    primaryLinkStatus: textOf(fields.get('master-link-status')),
    otherSentinels: integerOf(fields.get('num-other-sentinels')),
    quorum: integerOf(fields.get('quorum')),
    configEpoch: integerOf(fields.get('config-epoch')),
  };
}

/** Parses a list of instances, without those whose address is invalid (a sentinel never met has port 0). */
function instancesOf(what: string, reply: Reply): Instance[] {
  const value = checked(reply);
  if (!Array.isArray(value)) return refuse(what, 'no array');
  if (value.length > MAX_INSTANCES) return refuse(what, `more than ${MAX_INSTANCES} instances`);
  const instances: Instance[] = [];
  for (const entry of value) {
    const fields = fieldsOf(entry);
    if (fields === null) return refuse(what, 'an instance is no map');
    if (hostOf(textOf(fields.get('ip'))) === null || portOf(fields.get('port')) === null) continue;
    instances.push(instanceOf(what, entry));
  }
  return instances;
}

/** Parses `SENTINEL MASTER name`. */
export function parsePrimary(reply: Reply): Instance {
  return instanceOf('SENTINEL MASTER', checked(reply));
}

/** Parses `SENTINEL REPLICAS name`: all replicas; `isUp` and `isLinked` tell which to use. */
export function parseReplicas(reply: Reply): Instance[] {
  return instancesOf('SENTINEL REPLICAS', reply);
}

/** Parses `SENTINEL SENTINELS name`: the other sentinels that this one knows. */
export function parseSentinels(reply: Reply): Instance[] {
  return instancesOf('SENTINEL SENTINELS', reply);
}

const DOWN = ['o_down', 's_down', 'disconnected'];

/** Whether the sentinel can reach the instance. */
export function isUp({ flags }: Instance): boolean {
  return !DOWN.some((flag) => flags.has(flag));
}

/** Whether the instance is up and flagged as a primary, or has no flags. */
export function isUsablePrimary(instance: Instance): boolean {
  return isUp(instance) && (instance.flags.size === 0 || instance.flags.has('master'));
}

/** Whether the replica has a link to its primary, or the sentinel does not report the link. */
export function isLinked({ primaryLinkStatus }: Instance): boolean {
  return primaryLinkStatus !== 'err';
}

/** Parses the payload of `+switch-master`: `<service> <old host> <old port> <new host> <new port>`. */
export function parsePrimarySwitch(payload: Reply): PrimarySwitch {
  const what = '+switch-master';
  const text = textOf(payload);
  if (text === null || text.length > 2_048) return refuse(what, 'no text of a sensible length');
  const words = text.split(' ');
  if (words.length !== 5 || words[0] === '') return refuse(what, 'not five words');
  return {
    service: words[0]!,
    from: endpointOf(what, words[1], words[2]),
    to: endpointOf(what, words[3], words[4]),
  };
}
