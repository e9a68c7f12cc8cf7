// node scripts/pictures.mjs: draws the pictures of the guides into docs/pictures; --check only compares them.
// node scripts/pictures/measure-failover.mjs and record-demo.mjs produce the data of two of them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './lib.mjs';
import {
  clusterPicture,
  commandPicture,
  mapPicture,
  maybeExecutedPicture,
  poolPicture,
} from './pictures/drawings.mjs';
import { failoverPicture } from './pictures/failover.mjs';
import { recordingPicture } from './pictures/recording.mjs';

const FOLDER = join(ROOT, 'docs', 'pictures');
const measured = (name) => JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8'));

const PICTURES = {
  pool: poolPicture,
  command: commandPicture,
  cluster: clusterPicture,
  map: mapPicture,
  'maybe-executed': maybeExecutedPicture,
  failover: () => failoverPicture(measured('failover')),
  demo: () => recordingPicture(measured('demo')),
};

const check = process.argv.includes('--check');
mkdirSync(FOLDER, { recursive: true });
for (const [name, draw] of Object.entries(PICTURES)) {
  const file = join(FOLDER, `${name}.svg`);
  const text = String(draw());
  if (!check) {
    writeFileSync(file, text);
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`docs/pictures/${name}.svg is not what scripts/pictures.mjs draws: run it.`);
    process.exitCode = 1;
  }
}
