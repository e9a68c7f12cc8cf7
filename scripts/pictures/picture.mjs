// An SVG picture: boxes, arrows and text in a few styles, light or dark as the reader's system is set.

const STYLE = `
  svg { --paper: #ffffff; --panel: #f6f8fa; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --arrow: #6e7781;
        --blue: #0969da; --blue-fill: #ddf4ff; --green: #1a7f37; --green-fill: #dafbe1; --red: #cf222e;
        --red-fill: #ffebe9; --amber: #9a6700; --amber-fill: #fff8c5; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --panel: #161b22; --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --arrow: #8b949e;
          --blue: #58a6ff; --blue-fill: #0c2d6b; --green: #3fb950; --green-fill: #033a16; --red: #f85149;
          --red-fill: #5d0f12; --amber: #d29922; --amber-fill: #3b2300; }
  }
  text { fill: var(--ink); font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; }
  .title { font-size: 15px; font-weight: 600; } .bold { font-weight: 600; } .soft { fill: var(--soft); }
  .small { font-size: 11.5px; } .mono { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 12px; }
  .paper { fill: var(--paper); } .plain { fill: var(--panel); stroke: var(--line); }
  .blue { fill: var(--blue-fill); stroke: var(--blue); } .green { fill: var(--green-fill); stroke: var(--green); }
  .red { fill: var(--red-fill); stroke: var(--red); } .amber { fill: var(--amber-fill); stroke: var(--amber); }
  .outline { fill: none; stroke: var(--line); stroke-dasharray: 4 4; }
  .arrow { fill: none; stroke: var(--arrow); stroke-width: 1.6; } .head { fill: var(--arrow); }
  .arrow.blue { fill: none; stroke: var(--blue); } .head.blue { fill: var(--blue); stroke: none; }
  .arrow.red { fill: none; stroke: var(--red); } .head.red { fill: var(--red); stroke: none; }
  .arrow.green { fill: none; stroke: var(--green); } .head.green { fill: var(--green); stroke: none; }
  .dashed { stroke-dasharray: 5 4; } .bar { fill: var(--blue); } .tick { stroke: var(--line); }
  text.blue { fill: var(--blue); stroke: none; } text.red { fill: var(--red); stroke: none; }
  text.green { fill: var(--green); stroke: none; } text.amber { fill: var(--amber); stroke: none; }
`.trim();

export function escaped(text) {
  return String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

const short = (value) => String(Math.round(value * 10) / 10);

export class Picture {
  #parts = [];
  #head;

  /** `about`: the description that screen readers read. */
  constructor(width, height, title, about) {
    this.#head =
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">\n` +
      `<title>${escaped(title)}</title>\n<desc>${escaped(about)}</desc>\n<style>${STYLE}</style>\n` +
      `<rect class="paper" width="${width}" height="${height}" rx="8"/>`;
    this.text(20, 28, title, 'title');
  }

  raw(part) {
    this.#parts.push(part);
    return this;
  }
  /** `style`: classes; `end` and `middle` set the anchor. */
  text(x, y, content, style = '') {
    const anchor = /\b(end|middle)\b/.exec(style)?.[1];
    const attribute = anchor === undefined ? '' : ` text-anchor="${anchor}"`;
    return this.raw(
      `<text x="${short(x)}" y="${short(y)}" class="${style}"${attribute}>${escaped(content)}</text>`,
    );
  }
  rect(x, y, width, height, style, radius = 6) {
    return this.raw(
      `<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" rx="${radius}" class="${style}"/>`,
    );
  }
  /** Draws a box with centred lines: the first bold, the others small. */
  box(x, y, width, height, lines, style = 'plain') {
    this.rect(x, y, width, height, style);
    const [first, ...others] = [lines].flat();
    const step = 16;
    let at = y + height / 2 + 4.5 - (others.length * step) / 2;
    this.text(x + width / 2, at, first, 'bold middle');
    for (const line of others) this.text(x + width / 2, (at += step), line, 'small soft middle');
    return this;
  }
  /** Draws an arrow through points `[x, y]`; `label` stands above the middle of its first segment. */
  arrow(points, { style = '', label = '', labelStyle = 'small soft middle', dx = 0, dy = -6 } = {}) {
    const path = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${short(x)} ${short(y)}`).join(' ');
    const [[fromX, fromY], [toX, toY]] = points.slice(-2);
    const angle = Math.atan2(toY - fromY, toX - fromX);
    const wing = (turn) =>
      `${short(toX - 9 * Math.cos(angle + turn))} ${short(toY - 9 * Math.sin(angle + turn))}`;
    this.raw(`<path d="${path}" class="arrow ${style}"/>`);
    this.raw(
      `<path d="M${short(toX)} ${short(toY)} L${wing(0.42)} L${wing(-0.42)} Z" class="head ${style}"/>`,
    );
    if (label !== '') {
      const [[x1, y1], [x2, y2]] = points;
      this.text((x1 + x2) / 2 + dx, (y1 + y2) / 2 + dy, label, labelStyle);
    }
    return this;
  }
  line(x1, y1, x2, y2, style = 'tick') {
    return this.raw(
      `<line x1="${short(x1)}" y1="${short(y1)}" x2="${short(x2)}" y2="${short(y2)}" class="${style}"/>`,
    );
  }
  /** Draws a labelled bar from `x1` to `x2` at `y`. */
  span(x1, x2, y, name, about, style) {
    this.rect(x1, y, x2 - x1, 22, style, 4);
    this.text(x1 + 8, y + 15.5, name, 'mono');
    if (about !== undefined) this.text(x1 + 8, y + 36, about, 'small soft');
    return this;
  }

  toString() {
    return `${this.#head}\n${this.#parts.join('\n')}\n</svg>\n`;
  }
}
