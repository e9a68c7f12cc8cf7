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
if (Redis.Cluster === undefined) standIns.delete('cluster');

const load = Module._load;
Module._load = function (request, parent, isMain) {
  if (parent?.filename && request.startsWith('.') && !parent.filename.startsWith(lib + sep)) {
    const path = join(parent.filename, '..', request);
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
