// Draws the recording of a terminal as an animated SVG, from docs/pictures/demo.json.
import { escaped, Picture } from './picture.mjs';

const LINE = 17;
const TOP = 62;
/** Milliseconds for which the last picture stays; the animation begins with it, so readers see it first. */
const REST = 6_000;

const percent = (part, whole) => `${((100 * part) / whole).toFixed(2)}%`;

export function recordingPicture({ columns, length, rows }) {
  const whole = length + REST;
  const picture = new Picture(
    columns * 7.25 + 40,
    TOP + rows.length * LINE + 16,
    '$ npm run demo',
    'A recording: 2,000 callers share one connection, workers block in BLPOP, tellers move money with WATCH, and connections are killed under load. Every answer is compared; none is wrong.',
  );
  picture.line(0, 42, columns * 7.25 + 40, 42);
  const animations = [];
  rows.forEach((versions, row) => {
    versions.forEach(({ at, spans }, index) => {
      if (spans.length === 0) return;
      const until = versions[index + 1]?.at ?? whole;
      const name = `v${row}-${index}`;
      const stays = until === whole;
      animations.push(
        `@keyframes ${name} { 0% { visibility: hidden } ${percent(at, whole)} { visibility: visible } ` +
          `${stays ? '' : `${percent(until, whole)} { visibility: hidden } `}}`,
        `.${name} { animation: ${name} ${(whole / 1_000).toFixed(1)}s step-end -${(length / 1_000).toFixed(1)}s infinite }`,
      );
      const text = spans.map(([part, style]) => `<tspan class="${style}">${escaped(part)}</tspan>`).join('');
      picture.raw(
        `<text x="20" y="${TOP + row * LINE}" xml:space="preserve" class="mono play ${stays ? 'stays' : 'passes'} ${name}">${text}</text>`,
      );
    });
  });
  const still =
    '@media (prefers-reduced-motion: reduce) { .play { animation: none } .passes { visibility: hidden } }';
  const colours =
    '.mono tspan.blue { fill: var(--blue); stroke: none } .mono tspan.green { fill: var(--green); stroke: none } .mono tspan.red { fill: var(--red); stroke: none }';
  picture.raw(`<style>${colours}\n${animations.join('\n')}\n${still}</style>`);
  return picture;
}
