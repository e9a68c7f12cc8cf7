// Loaded before ioredis' own tests: replaces the ioredis classes that they import by those of `respool/ioredis`. The
// helpers with which the tests build fake servers remain ioredis' own.
const Module = require('node:module');
const { join, sep } = require('node:path');

const checkout = process.env.IOREDIS_CHECKOUT;
const entry = process.env.RESPOOL_IOREDIS;
const lib = join(checkout, 'lib');
const Redis = require(entry);

/** Modules of the checkout, and the value that replaces each. */
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
 * The tests' fake servers expect command names in lower case, as ioredis sends them. Real servers accept upper case, so
 * these copies receive the names in lower case.
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
/** Some handlers answer everything with a number or nil; no server does so for HELLO and READONLY. */
function answer(handler, words, rest) {
  const reply = typeof handler === 'function' ? handler(words, ...rest) : handler;
  const greets = words[0] === 'hello' || words[0] === 'readonly';
  return greets && (reply === null || typeof reply === 'number') ? undefined : reply;
}
function spelled([name, ...args]) {
  const lower = String(name).toLowerCase();
  // ioredis sends these subcommands in upper or lower case.
  if (lower === 'cluster') return [lower, String(args[0]).toUpperCase(), ...args.slice(1)];
  if (lower === 'client' && /^setname$/i.test(args[0])) return [lower, 'setname', ...args.slice(1)];
  return [lower, ...args];
}
