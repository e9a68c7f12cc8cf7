// Loaded before ioredis' own tests: what they import of ioredis' classes comes from `respool/ioredis`. Helpers of
// ioredis that its tests use to build fake servers stay theirs.
const Module = require('node:module');
const { join, sep } = require('node:path');

const checkout = process.env.IOREDIS_CHECKOUT;
const entry = process.env.RESPOOL_IOREDIS;
const lib = join(checkout, 'lib');
const Redis = require(entry);

/** Module of the checkout → what stands in for it. */
const standIns = new Map([
  ['index', () => Redis],
  ['Redis', () => ({ default: Redis })],
  ['cluster', () => ({ default: Redis.Cluster })],
  ['cluster/index', () => ({ default: Redis.Cluster })],
  ['Command', () => ({ default: Redis.Command })],
  ['Pipeline', () => ({ default: Redis.Pipeline })],
  [
    'errors',
    () => ({
      MaxRetriesPerRequestError: Redis.MaxRetriesPerRequestError,
      ClusterAllFailedError: Redis.ClusterAllFailedError,
    }),
  ],
]);

const load = Module._load;
Module._load = function (request, parent, isMain) {
  if (parent?.filename && request.startsWith('.') && !parent.filename.startsWith(lib + sep)) {
    const path = join(parent.filename, '..', request);
    if (path.endsWith(join('helpers', 'mock_server')))
      return lowerCased(load.call(this, request, parent, isMain));
    if (path === lib || path.startsWith(lib + sep)) {
      const name =
        path === lib
          ? 'index'
          : path
              .slice(lib.length + 1)
              .replace(/\.ts$/, '')
              .replaceAll(sep, '/');
      const standIn = standIns.get(name);
      if (standIn !== undefined) {
        const exported = standIn();
        if (typeof exported !== 'function') Object.defineProperty(exported, '__esModule', { value: true });
        return exported;
      }
    }
  }
  return load.call(this, request, parent, isMain);
};

/**
 * The fake servers of the tests compare names as ioredis spells them. Servers do not mind upper case, so theirs must
 * not either.
 */
const lowered = new WeakMap();
function lowerCased(module) {
  let stand = lowered.get(module);
  if (stand === undefined) {
    class MockServer extends module.default {
      constructor(port, handler, slotTable) {
        super(port, (words, ...rest) => answer(handler, spelled(words), rest), slotTable);
      }
    }
    stand = { ...module, default: MockServer };
    Object.defineProperty(stand, '__esModule', { value: true });
    lowered.set(module, stand);
  }
  return stand;
}
/** Handlers that answer everything with a number or nil answer HELLO so too; no server does, so that OK stands there. */
function answer(handler, words, rest) {
  const reply = typeof handler === 'function' ? handler(words, ...rest) : handler;
  const greets = words[0] === 'hello' || words[0] === 'readonly';
  return greets && (reply === null || typeof reply === 'number') ? undefined : reply;
}
function spelled([name, ...args]) {
  const lower = String(name).toLowerCase();
  // ioredis spells subcommands of its own in these ways.
  if (lower === 'cluster') return [lower, String(args[0]).toUpperCase(), ...args.slice(1)];
  if (lower === 'client' && /^setname$/i.test(args[0])) return [lower, 'setname', ...args.slice(1)];
  return [lower, ...args];
}
